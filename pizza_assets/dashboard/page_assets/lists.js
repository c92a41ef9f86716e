// The three tables: matches, certainty, anomalies.

function matchLink(id, text) {
  const link = element("a", text);
  link.href = `#${hashOf({ ...state, match: id })}`;
  link.dataset.key = `match-${id}`;
  link.addEventListener("click", (event) => { event.preventDefault(); openMatch(id); });
  return link;
}

function verdictCell(verdict) { return element("span", `${MARKS[verdict] || "○"} ${verdict}`, `verdict ${verdict.split(" ")[0]}`); }

function drawList(matches) {
  const byId = new Map();
  for (const row of matches) if (!byId.has(row.match_id) || row.is_home) byId.set(row.match_id, row);
  const rows = [...byId.values()];
  const best = (row) => (matchesById.get(row.match_id).find((side) => side.is_home && side.data_source === row.data_source && (!state.team)) || row);
  get("list-says").textContent = `${plural(rows.length, "match", "matches")}: ${filterWords()}, ${state.source} data. One match alone proves nothing: intervals are wide.`;
  table(get("list-table"), [
    { title: "Match", value: title, cell: (row) => matchLink(row.match_id, title(row)), kind: "text" },
    { title: "Score", value: score, show: score, kind: "" },
    { title: "Kick-off (UTC)", value: (row) => row.kickoff, show: (row) => isoMinute(row.kickoff), kind: "" },
    { title: "Type", value: (row) => row.match_type, show: (row) => row.match_type, kind: "" },
    { title: "Orders in", value: (row) => best(row).city, show: (row) => best(row).city, kind: "" },
    { title: "Orders", value: (row) => best(row).orders, show: (row) => (best(row).orders === null ? "–" : count(best(row).orders)), kind: "number" },
    { title: "Expected", value: (row) => best(row).expected, show: (row) => (best(row).expected === null ? "–" : best(row).expected.toFixed(1)), kind: "number" },
    { title: "Uplift", value: (row) => best(row).uplift_pct, show: (row) => percent(best(row).uplift_pct), kind: "number" },
    { title: "95 % (counting)", value: (row) => best(row).ci_low, show: (row) => span(best(row).ci_low, best(row).ci_high), kind: "number" },
    { title: "Counts", value: (row) => (best(row).is_clean ? "yes" : "no"), show: (row) => (best(row).is_clean ? "yes" : "no"), kind: "" },
  ], rows, { sort: [2, -1], empty: "No match in this filter.", isChosen: (row) => row.match_id === shownMatch() });
}

const WINDOW = { pre_match: "2 h before", during_match: "2 h during", post_match: "2 h after", day: "24 h from" };

function tested() {
  const scope = scopeOf({ ...state, from: "", to: "" }) || (state.team ? `team:${state.team}` : "all");
  const isShown = (row) => row.data_source === state.source && (scope === "all" || row.scope === scope || row.scope === "all");
  const effects = tables.effects.filter(isShown).map((row) => ({
    ...row, pair: row.scope === "all" ? "orders, all matches" : `orders, ${row.scope.replace("significance:", "type: ").replace(":", ": ").replace("  ", " ")}`,
    method: "uplift", estimate: row.uplift_pct, unit: "%" }));
  const correlations = tables.correlations.filter((row) => row.data_source === state.source).map((row) => ({
    ...row, pair: `orders and ${row.factor}`, method: row.method.replace("_", "-"), estimate: row.r, unit: "r" }));
  return [...effects, ...correlations];
}

function drawCertainty() {
  const rows = tested(), found = rows.filter((row) => row.verdict === "higher" || row.verdict === "lower");
  get("certainty-says").textContent = rows.length
    ? `${plural(rows.length, "result", "results")}, of which ${plural(found.length, "is a finding", "are findings")} at an adjusted p of 0.05. Click a heading to sort.`
    : "";
  const two = (row, value) => (value === null ? "–" : row.unit === "%" ? percent(value) : signed(value, 2));
  const range = (row) => (row.ci_low === null ? "–" : row.unit === "%" ? span(row.ci_low, row.ci_high) : `${signed(row.ci_low, 2)} to ${signed(row.ci_high, 2)}`);
  table(get("certainty-table"), [
    { title: "What", value: (row) => row.pair, show: (row) => row.pair, kind: "text" },
    { title: "Window", value: (row) => row.time_window, show: (row) => WINDOW[row.time_window] || row.time_window, kind: "" },
    { title: "Measure", value: (row) => row.method, show: (row) => row.method, kind: "" },
    { title: "Estimate", value: (row) => row.estimate, show: (row) => two(row, row.estimate), kind: "number" },
    { title: "95 % interval", value: (row) => row.ci_low, show: range, kind: "number" },
    { title: "Kick-offs", value: (row) => row.n_matches, show: (row) => count(row.n_matches), kind: "number" },
    { title: "p", value: (row) => row.p_value, show: (row) => pValue(row.p_value), kind: "number", rises: true },
    { title: "q", value: (row) => row.q_value, show: (row) => pValue(row.q_value), kind: "number", rises: true },
    { title: "Verdict", value: (row) => row.verdict, cell: (row) => verdictCell(row.verdict), kind: "" },
  ], rows, { sort: [7, 1], empty: "Nothing was tested: there is no analysis of this data yet." });
  const cannot = [state.type && "type", (state.from || state.to) && "dates"].filter(Boolean);
  get("certainty-cannot").textContent = state.team || cannot.length
    ? `Associations ("orders and …") are over all matches and the whole period: they cannot follow ${[state.team && "team", ...cannot].filter(Boolean).join(", ")}.` : "";
}

function drawAnomalies() {
  const cities = state.team ? new Set(tables.matches.filter((row) => row.team === state.team).map((row) => row.city)) : null;
  const rows = tables.anomalies.filter((row) => row.data_source === state.source && inDates(state, isoDay(row.at)) && (!cities || cities.has(row.city)));
  get("anomalies-says").textContent = rows.length
    ? `${plural(rows.length, "hour stands", "hours stand")} out at an adjusted p of 0.05, each with its match or 'unexplained'.`
    : "No hour stands out beyond chance in this filter.";
  table(get("anomalies-table"), [
    { title: "Hour (UTC)", value: (row) => row.at, show: (row) => isoMinute(row.at), kind: "" },
    { title: "City", value: (row) => row.city, show: (row) => row.city, kind: "" },
    { title: "Orders", value: (row) => row.orders, show: (row) => count(row.orders), kind: "number" },
    { title: "Expected", value: (row) => row.expected, show: (row) => row.expected.toFixed(1), kind: "number" },
    { title: "Uplift", value: (row) => row.uplift_pct, show: (row) => percent(row.uplift_pct), kind: "number" },
    { title: "q", value: (row) => row.q_value, show: (row) => pValue(row.q_value), kind: "number", rises: true },
    { title: "Match", value: (row) => row.match_ids, cell: (row) => explained(row), kind: "text" },
    { title: "Source", value: (row) => row.data_source, show: (row) => row.data_source, kind: "" },
  ], rows, { sort: [5, 1], empty: "None." });
  get("anomalies-cannot").textContent = state.type ? "This table cannot follow the match type: a spike need not belong to a match." : "";
}

function explained(row) {
  const box = element("span"), ids = row.match_ids.split(" ").filter((id) => matchesById.has(id));
  if (!ids.length) { box.textContent = row.match_ids === "unexplained" ? "unexplained" : row.match_ids; return box; }
  ids.forEach((id, i) => box.append(i ? ", " : "", matchLink(id, title(matchesById.get(id)[0]))));
  box.append(` (${row.time_period.replace("_", " ")})`);
  return box;
}
