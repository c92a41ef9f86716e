// Sales in shops around kick-off: by category, and in every city and window.

const cityName = (row) => (row.city === "all" ? "All cities" : row.city);

function drawRetail() {
  const all = tables.retail.filter((row) => row.data_source === state.source);
  const overall = all.filter((row) => row.city === "all" && row.time_window === rules.headlineWindow);
  const rows = overall.filter((row) => row.uplift_pct !== null).sort((a, b) => b.uplift_pct - a.uplift_pct).map((row) => ({
    category: row.category, uplift_pct: row.uplift_pct, low: row.ci_low, high: row.ci_high, n: row.n_matches, verdict: row.verdict,
    uplift_text: percent(row.uplift_pct), interval: span(row.ci_low, row.ci_high),
    items: `${count(row.items)} against ${count(row.expected)} expected`, retailers: row.retailers.replaceAll(" ", ", ") }));
  const few = overall.filter((row) => row.uplift_pct === null).map((row) => row.category);
  get("retail-says").textContent = retailSays(overall, rows);
  get("retail-few").textContent = few.length && rows.length ? `Too little data: ${few.join(", ")}.` : "";
  const cannot = [state.team && "team", state.type && "match type", (state.from || state.to) && "dates"].filter(Boolean);
  get("retail-cannot").textContent = cannot.length ? `Sales cannot follow ${cannot.join(", ")}: shown are all matches of the whole period.` : "";
  drawOrSay("retail", get("retail-chart"), { rows },
    overall.length ? "Insufficient: too few matches for any category." : `No analysis of ${state.source || "any"} sales in shops: the warehouse makes it after the retailers' loads.`,
    {}, "Items sold in shops during matches by category, with 95 % intervals");
  drawShops(all);
}

function retailSays(overall, rows) {
  if (!overall.length) return "";
  const days = Math.max(...overall.map((row) => row.days));
  const made = `${plural(days, "day", "days")} of ${state.source} sales up to ${overall[0].as_of}.`;
  if (!rows.length) return `${made} That is too little to say: a number needs at least ${rules.minUnits} kick-offs in ${rules.minWeeks} weeks.`;
  const found = ["higher", "lower"].map((verdict) => [verdict, rows.filter((row) => row.verdict === verdict).map((row) => row.category)])
    .filter(([, names]) => names.length).map(([verdict, names]) => `Proven ${verdict} during matches: ${names.join(", ")}.`);
  return `${made} ${found.join(" ") || "No category's uplift during matches is proven."}`;
}

function drawShops(all) {
  const found = all.filter((row) => row.verdict === "higher" || row.verdict === "lower");
  get("shops-says").textContent = all.length
    ? `${plural(all.length, "result", "results")}, of which ${plural(found.length, "is a finding", "are findings")} at an adjusted p of 0.05. Click a heading to sort.` : "";
  table(get("shops-table"), [
    { title: "Category", value: (row) => row.category, show: (row) => row.category, kind: "text" },
    { title: "City", value: cityName, show: cityName, kind: "" },
    { title: "Window", value: (row) => row.time_window, show: (row) => WINDOW[row.time_window] || row.time_window, kind: "" },
    { title: "Items", value: (row) => row.items, show: (row) => count(row.items), kind: "number" },
    { title: "Expected", value: (row) => row.expected, show: (row) => (row.expected === null ? "–" : row.expected.toFixed(1)), kind: "number" },
    { title: "Uplift", value: (row) => row.uplift_pct, show: (row) => percent(row.uplift_pct), kind: "number" },
    { title: "95 % interval", value: (row) => row.ci_low, show: (row) => span(row.ci_low, row.ci_high), kind: "number" },
    { title: "Kick-offs", value: (row) => row.n_matches, show: (row) => count(row.n_matches), kind: "number" },
    { title: "q", value: (row) => row.q_value, show: (row) => pValue(row.q_value), kind: "number", rises: true },
    { title: "Verdict", value: (row) => row.verdict, cell: (row) => verdictCell(row.verdict), kind: "" },
  ], all, { sort: [8, 1], empty: "None." });
}
