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

function isoDay(instant) { return new Date(instant).toISOString().slice(0, 10); }

const readers = new Map(), offsets = new Map();

/** Milliseconds that the clocks of a zone are ahead of UTC at the start of an hour. */
function offsetAt(zone, hour) {
  const key = `${zone}|${hour}`;
  if (offsets.has(key)) return offsets.get(key);
  if (!readers.has(zone)) {
    readers.set(zone, new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric",
      month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" }));
  }
  const parts = Object.fromEntries(readers.get(zone).formatToParts(hour * HOUR).map((part) => [part.type, Number(part.value)]));
  const offset = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute) - hour * HOUR;
  offsets.set(key, offset);
  return offset;
}

/** Milliseconds that the clocks of a zone are ahead of UTC: within ten days with the same offset at both ends it is that. */
function offsetOf(zone, instant) {
  const hour = Math.floor(instant / HOUR), first = hour - hour % 240, offset = offsetAt(zone, first);
  return offset === offsetAt(zone, first + 240) ? offset : offsetAt(zone, hour);
}

const zoneOf = (city) => packed.zones[city] || "UTC";
/** The instant whose UTC clock shows what the clocks of the city show. */
const localClock = (city, instant) => instant + offsetOf(zoneOf(city), instant);

const tables = Object.fromEntries(Object.entries(packed.tables).map(([name, table]) => [name, unpack(table)]));
for (const row of tables.matches) {
  row.kickoff = row.kickoff_ts * MINUTE;
  row.uplift_pct = row.expected > 0 && row.orders !== null ? 100 * (row.orders / row.expected - 1) : null;
  row.day = isoDay(row.kickoff);
  row.localDay = isoDay(localClock(row.city, row.kickoff));
}
for (const row of tables.anomalies) row.at = row.bucket_ts * MINUTE;

const distinct = (values) => [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
const choices = {
  team: distinct(tables.matches.map((row) => row.team)),
  type: ["regular", "tournament", "final"].filter((type) => tables.matches.some((row) => row.match_type === type)),
  // Real first: where both are there, real answers the question. They are never pooled, so there is no "all".
  source: ["real", "mock"].filter((source) =>
    ["effects", "daily", "retail", "forecast"].some((name) => tables[name].some((row) => row.data_source === source))),
};

function grouped(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  return groups;
}

const matchesById = grouped(tables.matches, (row) => row.match_id);
for (const sides of matchesById.values()) {
  for (const row of sides) row.opponent = sides.find((side) => side.is_home !== row.is_home)?.team ?? row.opponent;
}
const matchesOfTeam = grouped(tables.matches, (row) => row.team);
const effectOf = new Map(tables.effects.map((row) => [`${row.scope}|${row.time_window}|${row.data_source}`, row]));
const citiesOf = (team) => new Set((matchesOfTeam.get(team) || []).map((row) => row.city));

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

const isReversed = (state) => Boolean(state.from && state.to && state.from > state.to);
const inDates = (state, day) => (!state.from || day >= state.from) && (!state.to || day <= state.to);

/** The sides of matches in a filter. Dates are those of the city's own clocks. */
function matchesIn(state) {
  const rows = state.team ? matchesOfTeam.get(state.team) || [] : tables.matches;
  return rows.filter((row) => row.data_source === state.source && (!state.type || row.match_type === state.type) &&
    inDates(state, row.localDay));
}

const isCounted = (row) => row.is_clean && row.expected !== null;

/** City kick-offs: a city's matches that start together share its orders, so they are one. */
function kickOffsOf(rows) {
  return [...grouped(rows, (row) => `${row.city}|${row.kickoff}`).values()]
    .map((sides) => ({ ...(sides.find(isCounted) || sides[0]), ids: distinct(sides.map((row) => row.match_id)) }));
}

const unitsOf = (rows) => kickOffsOf(rows.filter(isCounted));

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
  const published = scope && effectOf.get(`${scope}|${timeWindow}|${state.source}`);
  if (published) {
    return { pct: published.uplift_pct, low: published.ci_low, high: published.ci_high, n: published.n_matches,
      orders: published.orders, verdict: published.verdict, exact: true };
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
  const result = { pct: null, low: null, high: null, n: units.length, orders, verdict: "insufficient", exact: false };
  const isEnough = units.length >= rules.minUnits && weeks.size >= rules.minWeeks && orders > 0 && expected > 0;
  if (!isEnough) return result;
  const without = [...weeks.values()].map(([o, e]) => Math.log((orders - o) / (expected - e)));
  const mean = without.reduce((sum, value) => sum + value, 0) / without.length;
  const squares = without.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const degrees = without.length - 1;
  const t = rules.student975[Math.min(degrees, rules.student975.length) - 1];
  const reach = t * Math.sqrt((degrees / without.length) * squares);
  const log = Math.log(orders / expected);
  // All orders in one week leave no estimate without it.
  if (!Number.isFinite(reach)) return result;
  const percent = (value) => 100 * Math.expm1(value);
  return { ...result, pct: percent(log), low: percent(log - reach), high: percent(log + reach), verdict: "interval only" };
}

/** What an order is worth in these cities, and the currency; null where it is unknown or there are several. */
function orderValue(state) {
  const cities = state.team ? citiesOf(state.team) : null;
  const rows = tables.worth.filter((row) => row.data_source === state.source && (!cities || cities.has(row.city)));
  const orders = rows.reduce((sum, row) => sum + row.orders, 0);
  if (!orders || rows.some((row) => row.currency !== rows[0].currency)) return null;
  return { currency: rows[0].currency, mean: rows.reduce((sum, row) => sum + row.revenue, 0) / orders };
}

/** The hours of the chart: from, to (from kick-off), uplift, interval; two-hour windows where hours are not known. */
function hoursIn(state) {
  const isHourly = !state.team && !state.from && !state.to;
  if (isHourly) {
    return tables.profile
      .filter((row) => row.match_type === (state.type || "all") && row.data_source === state.source && row.uplift_pct !== null)
      .map((row) => ({ from: row.hours_from_kickoff, to: row.hours_from_kickoff + 1, pct: row.uplift_pct, low: row.ci_low,
        high: row.ci_high, n: row.n_matches }));
  }
  return [["pre_match", -2], ["during_match", 0], ["post_match", 2]].map(([name, from]) => ({ from, to: from + 2, ...upliftOf(state, name) }))
    .filter((row) => row.pct !== null && row.pct !== undefined);
}

/** Very many days of cities come as their sum over all cities. */
const hasCityDays = !tables.daily.some((row) => row.city === "all");

/** Orders and expected orders by day (UTC), of the team's city or of all; match days are those of the filter. */
function daysIn(state) {
  const cities = state.team && hasCityDays ? citiesOf(state.team) : null;
  const playedOn = grouped(matchesIn(state), (row) => row.day);
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
    ...row, dev_pct: 100 * (row.orders / row.expected - 1),
    matches: new Set((playedOn.get(row.day) || []).map((side) => side.match_id)).size }));
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
