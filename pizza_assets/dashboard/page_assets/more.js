// What is one click away: it is drawn when its section is opened, and then follows the filter.

const sections = { days: drawDays, types: drawTypes, dots: drawDots, shops: drawShops, pooled: drawPooled, anomalies: drawAnomalies, tests: drawTests };

function drawMore(story) {
  for (const [id, drawSection] of Object.entries(sections)) {
    const section = get(`more-${id}`);
    if (section.open) drawSection(story);
  }
}

function listenToSections(storyNow) {
  for (const [id, drawSection] of Object.entries(sections)) {
    get(`more-${id}`).addEventListener("toggle", (event) => { if (event.target.open) drawSection(storyNow()); });
  }
}

function drawDays(story) {
  const days = story.problem ? [] : daysIn(state), ordinary = ordinaryRange(days);
  const rows = days.map((row) => ({
    ...row, from: Date.parse(row.day), to: Date.parse(row.day) + DAY * 0.86, kind: row.matches ? "match day" : "other day",
    dev_text: percent(row.dev_pct), expected: Math.round(row.expected) }));
  const band = ordinary ? [{ ...ordinary, text: `95 % of days without a match: ${span(ordinary.low, ordinary.high)}` }] : [];
  const outside = ordinary ? rows.filter((row) => row.matches && row.dev_pct > ordinary.high).length : 0;
  const playedOn = rows.filter((row) => row.matches).length;
  get("days-says").textContent = [ordinary
    ? `${outside} of ${plural(playedOn, "match day", "match days")} ${outside === 1 ? "lies" : "lie"} above the range of days without a match, ${span(ordinary.low, ordinary.high)}.`
    : "Fewer than 20 days without a match here, so there is no range of ordinary days.",
    state.team ? (hasCityDays ? `Shown is the city of ${state.team}.` : "All cities, whatever the club.") : "", "Days begin at midnight UTC."].filter(Boolean).join(" ");
  drawOrSay("days", get("days-chart"), { rows, ordinary: band }, "No day with orders in this filter.", {}, "Orders of each day against normal, in %");
}

function drawTypes() {
  const box = get("types-chart");
  const panels = choices.type.map((type) => ({ type, story: hoursIn({ ...state, type, team: "", from: "", to: "" }) }));
  const known = panels.filter((panel) => panel.story.length), few = panels.filter((panel) => !panel.story.length).map((panel) => panel.type);
  const values = known.flatMap((panel) => panel.story.flatMap((row) => [row.low, row.high]));
  const signals = { y_low: Math.max(-60, Math.floor(Math.min(-5, ...values) / 10) * 10), y_high: Math.min(150, Math.ceil(Math.max(10, ...values) / 10) * 10) };
  panelsIn(box, known.map((panel) => panel.type));
  known.forEach((panel, i) => {
    const rows = panel.story.map((row) => ({ hour: row.from + 0.5, uplift_pct: row.pct, low: row.low, high: row.high, n: row.n,
      hours: `${signed(row.from, 0)} to ${signed(row.to, 0)} h`, uplift_text: percent(row.pct), interval: span(row.low, row.high) }));
    box.children[i].firstChild.textContent = TYPES[panel.type][1];
    drawOrSay("profile", box.children[i].lastChild, { rows }, "", signals, `Orders against normal by hour from kick-off, ${panel.type} matches`);
  });
  get("types-says").textContent = ["All clubs and the whole period, whatever the filter.",
    few.length ? `Too few for a chart: ${few.map((type) => TYPES[type][1]).join(", ")}.` : ""].filter(Boolean).join(" ");
}

/** Make a figure with a caption and a place for a chart for each key, where they are not there yet. */
function panelsIn(box, keys) {
  const key = keys.join("|") || "none";
  if (box.dataset.panels === key) return;
  for (const part of box.querySelectorAll("figure > div")) discard(part);
  box.replaceChildren(...keys.map(() => { const figure = element("figure"); figure.append(element("figcaption"), element("div")); return figure; }));
  box.dataset.panels = key;
}

function drawDots(story) {
  const rows = story.kickOffs.filter((row) => row.uplift_pct !== null).map((row) => ({
    kickoff: row.kickoff, uplift_pct: row.uplift_pct, low: row.ci_low, high: row.ci_high, expected: row.expected, orders: row.orders,
    match_type: row.match_type, kind: TYPES[row.match_type][0], is_clean: row.is_clean, match_id: row.ids[0], city: row.city,
    match: row.ids.map((id) => title(matchesById.get(id)[0])).join(", "), when: timeText(row.city, row.kickoff), normal: count(row.expected),
    uplift_text: percent(row.uplift_pct), counts: row.is_clean ? "yes" : "no", isChosen: row.ids.includes(state.match) }));
  const y_high = Math.min(200, Math.max(50, ...rows.map((row) => row.uplift_pct)));
  const view = drawOrSay("matches", get("dots-chart"),
    { rows, intervals: rows.length <= 60 ? rows : [], chosen: rows.filter((row) => row.isChosen) },
    "No city kick-off with orders in this filter.", { y_high }, "Orders against normal at each city kick-off");
  view?.then((made) => {
    if (made.opensMatches) return;
    made.addEventListener("click", (_event, item) => { if (item?.datum?.match_id) openMatch(item.datum.match_id); });
    made.opensMatches = true;
  });
}

function drawShops() {
  const all = tables.retail.filter((row) => row.data_source === state.source).map((row) => {
    const uplift = { pct: row.uplift_pct, low: row.ci_low, high: row.ci_high, verdict: row.verdict }, claim = claimOf(uplift);
    return { ...row, uplift, claim, name: row.category, says: `${MARKS[claim]} ${WORDS[claim].replace("orders", "sales")}`,
      place: row.city === "all" ? "All cities" : row.city };
  });
  const overall = all.filter((row) => row.city === "all" && row.time_window === rules.headlineWindow)
    .sort((a, b) => (b.uplift_pct ?? -Infinity) - (a.uplift_pct ?? -Infinity));
  get("shops-says").textContent = [shopsSay(overall, state.source),
    overall.length && (state.team || state.type || state.from || state.to) ? "All matches of the whole period, whatever the filter." : ""].filter(Boolean).join(" ");
  const known = overall.filter((row) => row.claim !== "unknown");
  intervalRows(get("shops"), known, (row) => row.category);
  // Hundreds of rows without a number say nothing: they are counted.
  const rows = all.filter((row) => row.claim !== "unknown"), left = all.length - rows.length;
  get("shops-left").textContent = left ? `${plural(left, "more category, city and window has", "more categories, cities and windows have")} too little data.` : "";
  get("shops-all").hidden = !rows.length;
  table(get("shops-table"), [
    { title: "Category", value: (row) => row.category, show: (row) => row.category, kind: "text" },
    { title: "City", value: (row) => row.place, show: (row) => row.place, kind: "" },
    { title: "Hours", value: (row) => row.time_window, show: (row) => WINDOW[row.time_window], kind: "" },
    { title: "Items", value: (row) => row.items, show: (row) => count(row.items), kind: "number" },
    { title: "Normal", value: (row) => row.expected, show: (row) => (row.expected === null ? "–" : row.expected.toFixed(1)), kind: "number" },
    { title: "Against normal", value: (row) => row.uplift_pct, show: (row) => percent(row.uplift_pct), kind: "number" },
    { title: "95 % interval", value: (row) => row.ci_low, show: (row) => span(row.ci_low, row.ci_high), kind: "number" },
    { title: "City kick-offs", value: (row) => row.n_matches, show: (row) => count(row.n_matches), kind: "number" },
    { title: "Says", value: (row) => row.claim, cell: (row) => claimCell(row), kind: "" },
  ], rows, { sort: [5, -1], empty: "None." });
}

function claimCell(row) { return element("span", row.says, `claim ${isSure(row.claim) ? "sure" : ""}`); }

const pValue = (value) => (value === null || value === undefined ? "–" : value < 0.0001 ? "< 0.0001" : value.toPrecision(2));

function drawTests() {
  const rows = testsOf(state.source), found = rows.filter((row) => isSure(row.claim));
  get("tests-says").textContent = rows.length
    ? `${plural(rows.length, "result", "results")} over the whole period, whatever the filter; ${plural(found.length, "is", "are")} certain.` : "";
  const range = (row) => (row.ci_low === null ? "–" : row.unit === "%" ? span(row.ci_low, row.ci_high) : `${signed(row.ci_low, 2)} to ${signed(row.ci_high, 2)}`);
  table(get("tests-table"), [
    { title: "What", value: (row) => row.what, show: (row) => row.what, kind: "text" },
    { title: "Hours", value: (row) => row.time_window, show: (row) => WINDOW[row.time_window] || row.time_window, kind: "" },
    { title: "Measure", value: (row) => row.method, show: (row) => row.method, kind: "" },
    { title: "Estimate", value: (row) => row.estimate, show: (row) => (row.unit === "%" ? percent(row.estimate) : signed(row.estimate, 2)), kind: "number" },
    { title: "95 % interval", value: (row) => row.ci_low, show: range, kind: "number" },
    { title: "n", value: (row) => row.n_matches, show: (row) => count(row.n_matches), kind: "number" },
    { title: "p", value: (row) => row.p_value, show: (row) => pValue(row.p_value), kind: "number", rises: true },
    { title: "q", value: (row) => row.q_value, show: (row) => pValue(row.q_value), kind: "number", rises: true },
    { title: "Says", value: (row) => row.claim, cell: claimCell, kind: "" },
  ], rows, { sort: [7, 1], empty: "Nothing was tested: there is no analysis of this data yet." });
}

function drawAnomalies(story) {
  const cities = state.team ? citiesOf(state.team) : null;
  const rows = isReversed(state) ? [] : tables.anomalies.filter((row) => row.data_source === state.source &&
    inDates(state, isoDay(localClock(row.city, row.at))) && (!cities || cities.has(row.city)));
  const dips = rows.filter((row) => row.orders < row.expected).length, spikes = rows.length - dips;
  get("anomalies-says").textContent = [rows.length
    ? `${plural(spikes, "hour", "hours")} with far more orders than normal, ${dips} with far fewer: beyond what chance and ordinary ups and downs make.`
    : "No hour stands out beyond chance in this filter.", state.type ? "An hour need not belong to a match: all are shown, whatever the type." : ""].filter(Boolean).join(" ");
  table(get("anomalies-table"), [
    { title: "Hour from", value: (row) => row.at, show: (row) => timeText(row.city, row.at), kind: "text" },
    { title: "City", value: (row) => row.city, show: (row) => row.city, kind: "" },
    { title: "Orders", value: (row) => row.orders, show: (row) => count(row.orders), kind: "number" },
    { title: "Normal", value: (row) => row.expected, show: (row) => row.expected.toFixed(1), kind: "number" },
    { title: "Against normal", value: (row) => row.uplift_pct, show: (row) => percent(row.uplift_pct), kind: "number" },
    { title: "Match", value: (row) => row.match_ids, cell: explained, kind: "text" },
  ], rows, { sort: [0, -1], empty: "None." });
}

const PERIOD = { pre_match: "before", during_match: "during", post_match: "after" };

function explained(row) {
  const box = element("span"), ids = row.match_ids.split(" ").filter((id) => matchesById.has(id));
  if (!ids.length) { box.textContent = row.match_ids === "unexplained" ? "none explains it" : row.match_ids; return box; }
  ids.forEach((id, i) => box.append(i ? ", " : `${PERIOD[row.time_period]} `, matchLink(id, title(matchesById.get(id)[0]))));
  return box;
}
