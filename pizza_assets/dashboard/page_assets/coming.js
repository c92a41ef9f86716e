// What is coming: orders to expect on the days and around the matches ahead; and how much clubs differ.

const comingRows = () => tables.forecast.filter((row) => row.data_source === state.source);

/** The city whose days are drawn: that of the chosen club, else the one with the most orders to expect. */
function comingCity(days) {
  const own = state.team ? [...citiesOf(state.team)].filter((city) => days.some((row) => row.city === city)) : [];
  if (own.length) return own[0];
  const sums = grouped(days, (row) => row.city);
  const total = (rows) => rows.reduce((sum, row) => sum + row.expected, 0);
  return [...sums].sort((a, b) => total(b[1]) - total(a[1]) || (a[0] < b[0] ? -1 : 1))[0]?.[0] ?? "";
}

function drawComing() {
  const rows = comingRows(), cities = state.team ? citiesOf(state.team) : null;
  get("coming").hidden = !rows.length;
  if (!rows.length) return;
  const isHere = (row) => !cities || cities.has(row.city);
  const days = rows.filter((row) => row.span === "day" && row.expected !== null);
  const matches = rows.filter((row) => row.span === "match" && row.expected !== null && isHere(row));
  const left = rows.filter((row) => row.reason !== null), city = comingCity(days);
  const asOf = dayText(rows[0].as_of);
  get("coming-says").textContent = [
    matches.length ? `${plural(matches.length, "city kick-off", "city kick-offs")} in the 14 days after ${asOf}: with the matches ${count(matches.reduce((sum, row) => sum + row.expected, 0))} orders are to be expected around them, ${count(matches.reduce((sum, row) => sum + row.without_match, 0))} without.`
      : days.length ? `No match ahead is known in the 14 days after ${asOf}${state.team ? ` for ${state.team}` : ""}.` : "",
    days.length ? "Days begin at midnight UTC." : "No city has a forecast.",
  ].filter(Boolean).join(" ");
  const chosen = days.filter((row) => row.city === city).map((row) => ({
    from: row.start * MINUTE, to: row.start * MINUTE + DAY, orders: row.expected, without: row.without_match, low: row.low_80, high: row.high_80,
    low_95: row.low_95, high_95: row.high_95, day: dayText(isoDay(row.start * MINUTE)), expected: count(row.expected), plain: count(row.without_match),
    interval: `${count(row.low_80)} to ${count(row.high_80)}`, wide: `${count(row.low_95)} to ${count(row.high_95)}` }));
  get("coming-title").textContent = city ? `Orders to expect in ${city}, by day` : "Orders to expect, by day";
  drawOrSay("coming", get("coming-chart"), { rows: chosen }, "No day can be forecast.", {}, get("coming-title").textContent);
  table(get("coming-table"), [
    { title: "Kick-off", value: (row) => row.kickoff_ts, show: (row) => timeText(row.city, row.kickoff_ts * MINUTE), kind: "text", rises: true },
    { title: "City", value: (row) => row.city, show: (row) => row.city, kind: "" },
    { title: "Match", value: (row) => row.matches, show: (row) => row.matches, kind: "text" },
    { title: "Orders", value: (row) => row.expected, show: (row) => count(row.expected), kind: "number" },
    { title: "4 times in 5", value: (row) => row.low_80, show: (row) => `${count(row.low_80)} to ${count(row.high_80)}`, kind: "number" },
    { title: "By the match", value: (row) => row.match_orders, show: (row) => signed(Math.round(row.match_orders) || 0, 0), kind: "number" },
    { title: "Pizzas", value: (row) => row.pizzas, show: (row) => (row.pizzas === null ? "–" : count(row.pizzas)), kind: "number" },
  ], matches, { sort: [0, 1], empty: "No match ahead." });
  const reasons = grouped(left, (row) => row.reason);
  get("coming-left").textContent = [...reasons].map(([reason, those]) => {
    const names = distinct(those.map((row) => row.matches || (row.city === "none" ? "" : row.city)).filter(Boolean));
    return names.length ? `Without a forecast: ${named(names)} (${reason}).` : reason;
  }).join(" ");
}

const KINDS = { club: ["Club", "Clubs"], competition: ["Competition", "Competitions"], stage: ["Stage", "Stages"], slot: ["Kick-off", "Kick-off slots"] };

/** Whether the groups of a kind differ during matches, in a sentence. */
function differSay(row) {
  const name = KINDS[row.kind][1];
  if (row.spread_pct === null) return `${name}: too few to tell whether they differ.`;
  if (!row.spread_high) return `${name} do not differ measurably: they differ less than chance alone makes them.`;
  const ends = `between ${about(row.spread_low)} and ${about(row.spread_high)} %`;
  return row.differ ? `${name} differ: the standard deviation between them is ${about(row.spread_pct)} %, ${ends} (95 %).`
    : `${name} do not differ measurably: the standard deviation between them lies ${ends}, which includes none at all.`;
}

function drawPooled() {
  const rows = tables.pooled.filter((row) => row.data_source === state.source && row.time_window === rules.headlineWindow);
  const all = rows.filter((row) => row.name === "all").sort((a, b) => (a.kind === "club" ? -1 : b.kind === "club" ? 1 : a.kind < b.kind ? -1 : 1));
  get("pooled-says").textContent = all.length ? all.map(differSay).join(" ") : "Nothing was observed around matches yet.";
  table(get("pooled-table"), [
    { title: "What", value: (row) => row.kind, show: (row) => KINDS[row.kind][0], kind: "" },
    { title: "Name", value: (row) => row.name, show: (row) => row.name, kind: "text" },
    { title: "City kick-offs", value: (row) => row.n_matches, show: (row) => count(row.n_matches), kind: "number" },
    { title: "By itself", value: (row) => row.own_pct, show: (row) => percent(row.own_pct), kind: "number" },
    { title: "Pooled", value: (row) => row.uplift_pct, show: (row) => percent(row.uplift_pct), kind: "number" },
    { title: "95 % interval", value: (row) => row.ci_low, show: (row) => span(row.ci_low, row.ci_high), kind: "number" },
  ], rows.filter((row) => row.name !== "all"), { sort: [4, -1], empty: "None." });
}
