// The data, the filters, and the estimates for a filter. Nothing here touches the page.

const packed = JSON.parse(document.getElementById("data").textContent);
const meta = packed.meta;
const rules = packed.rules;
const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

/** Turn a packed table into rows; text columns come as codes into their distinct values. */
function unpack(table) {
  const columns = Object.entries(table).map(([name, column]) =>
    [name, column && column.codes ? column.codes.map((code) => (code < 0 ? null : column.levels[code])) : column]);
  const length = columns.length ? columns[0][1].length : 0;
  return Array.from({ length }, (_, i) => Object.fromEntries(columns.map(([name, values]) => [name, values[i]])));
}

const tables = Object.fromEntries(Object.entries(packed.tables).map(([name, table]) => [name, unpack(table)]));
for (const row of tables.matches) {
  row.kickoff = row.kickoff_ts * MINUTE;
  row.day = isoDay(row.kickoff);
}
for (const row of tables.anomalies) row.at = row.bucket_ts * MINUTE;

const distinct = (values) => [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
const choices = {
  team: distinct(tables.matches.map((row) => row.team)),
  type: ["regular", "tournament", "final"].filter((type) => tables.matches.some((row) => row.match_type === type)),
  // Real first: where both are there, real answers the question. They are never pooled, so there is no "all".
  source: ["real", "mock"].filter((source) =>
    ["effects", "daily", "retail"].some((name) => tables[name].some((row) => row.data_source === source))),
};
const matchesById = new Map();
for (const row of tables.matches) {
  if (!matchesById.has(row.match_id)) matchesById.set(row.match_id, []);
  matchesById.get(row.match_id).push(row);
}

function isoDay(instant) { return new Date(instant).toISOString().slice(0, 10); }
function isoMinute(instant) { return new Date(instant).toISOString().slice(0, 16).replace("T", " "); }

const isPlainDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

/** Read the filter from the address; anything unknown is left out, so that an old link still opens. */
function stateOf(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { team: "", type: "", source: choices.source[0] || "", from: "", to: "", match: "" };
  for (const name of ["team", "type", "source"]) {
    if (choices[name].includes(asked.get(name))) state[name] = asked.get(name);
  }
  for (const name of ["from", "to"]) if (isPlainDay(asked.get(name) || "")) state[name] = asked.get(name);
  if (matchesById.has(asked.get("match"))) state.match = asked.get("match");
  return state;
}

function hashOf(state) {
  const kept = Object.entries(state).filter(([name, value]) => value && !(name === "source" && value === choices.source[0]));
  return new URLSearchParams(kept).toString();
}

const inDates = (state, day) => (!state.from || day >= state.from) && (!state.to || day <= state.to);

function matchesIn(state) {
  return tables.matches.filter((row) =>
    row.data_source === state.source && (!state.team || row.team === state.team) &&
    (!state.type || row.match_type === state.type) && inDates(state, row.day));
}

/** A unit is a city and a kick-off: matches that share both share their orders, so they count once. */
function unitsOf(rows) {
  const units = new Map();
  for (const row of rows) if (row.is_clean && row.expected !== null) units.set(`${row.city}|${row.kickoff}`, row);
  return [...units.values()];
}

/** The scope of the published analysis that says the same as the filter, if there is one. */
function scopeOf(state) {
  if (state.from || state.to || (state.team && state.type)) return null;
  return state.team ? `team:${state.team}` : state.type ? `significance:${state.type}` : "all";
}

/**
 * The uplift of the matches in a filter. The published analysis answers where it has the scope. Otherwise it is
 * computed here the same way, sum(orders) / sum(expected) with a delete-one-week jackknife, but without the
 * baseline's own error: then `exact` is false and the page calls it approximate.
 */
function upliftOf(state, timeWindow = rules.headlineWindow) {
  const scope = scopeOf(state);
  const published = scope && tables.effects.find((row) =>
    row.scope === scope && row.time_window === timeWindow && row.data_source === state.source);
  if (published) {
    return { pct: published.uplift_pct, low: published.ci_low, high: published.ci_high, n: published.n_matches,
      verdict: published.verdict, q: published.q_value, exact: true };
  }
  if (timeWindow !== rules.headlineWindow) return null;
  return jackknifed(unitsOf(matchesIn(state)));
}

function jackknifed(units) {
  const weeks = new Map();
  let orders = 0, expected = 0;
  for (const unit of units) {
    const week = Math.floor((unit.kickoff / DAY + 3) / 7); // 1970-01-01 was a Thursday
    const sums = weeks.get(week) || [0, 0];
    weeks.set(week, [sums[0] + unit.orders, sums[1] + unit.expected]);
    orders += unit.orders;
    expected += unit.expected;
  }
  const result = { pct: null, low: null, high: null, n: units.length, weeks: weeks.size, verdict: "insufficient",
    q: null, exact: false };
  const isEnough = units.length >= rules.minUnits && weeks.size >= rules.minWeeks && orders > 0 && expected > 0;
  if (!isEnough) return result;
  const without = [...weeks.values()].map(([o, e]) => Math.log((orders - o) / (expected - e)));
  const mean = without.reduce((sum, value) => sum + value, 0) / without.length;
  const squares = without.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const degrees = without.length - 1;
  const t = rules.student975[Math.min(degrees, rules.student975.length) - 1];
  const reach = t * Math.sqrt((degrees / without.length) * squares);
  const log = Math.log(orders / expected);
  const percent = (value) => 100 * Math.expm1(value);
  Object.assign(result, { pct: percent(log), low: percent(log - reach), high: percent(log + reach) });
  result.verdict = result.low > 0 ? "above zero" : result.high < 0 ? "below zero" : "not shown";
  return result;
}

/** Orders and expected orders by day, of the team's city or of all; match days are those of the filter. */
function daysIn(state) {
  const cities = state.team ? new Set(tables.matches.filter((row) => row.team === state.team).map((row) => row.city)) : null;
  const playedOn = new Map();
  for (const row of matchesIn(state)) {
    if (!playedOn.has(row.day)) playedOn.set(row.day, new Set());
    playedOn.get(row.day).add(row.match_id);
  }
  const days = new Map();
  for (const row of tables.daily) {
    if (row.data_source !== state.source || !inDates(state, row.day) || (cities && !cities.has(row.city))) continue;
    if (row.expected === null) continue;
    const sums = days.get(row.day) || { day: row.day, orders: 0, expected: 0 };
    sums.orders += row.orders;
    sums.expected += row.expected;
    days.set(row.day, sums);
  }
  return [...days.values()].filter((row) => row.expected > 0).sort((a, b) => (a.day < b.day ? -1 : 1)).map((row) => ({
    ...row, dev_pct: 100 * (row.orders / row.expected - 1), matches: (playedOn.get(row.day) || { size: 0 }).size }));
}

/** Where 95 % of the days without a match lie; null below 20 such days. */
function ordinaryRange(days) {
  const others = days.filter((row) => !row.matches).map((row) => row.dev_pct).sort((a, b) => a - b);
  if (others.length < 20) return null;
  const at = (share) => {
    const place = share * (others.length - 1), low = Math.floor(place);
    return others[low] + (place - low) * ((others[low + 1] ?? others[low]) - others[low]);
  };
  return { low: at(0.025), high: at(0.975), days: others.length };
}

function hoursOf(matchId, city, source) {
  const [first, orders, expected] = packed.hours[`${matchId}|${city}|${source}`] || [0, [], []];
  return orders.map((made, i) => ({ at: (first + i) * HOUR, orders: made, expected: expected[i] }))
    .filter((hour) => hour.orders !== null);
}

const isOpen = (row) => `${row.match_id}|${row.city}|${row.data_source}` in packed.hours;
