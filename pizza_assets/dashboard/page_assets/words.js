// What is said of a filter. Every sentence about an estimate is made from one claim, and the same estimate has the same
// claim wherever it stands. Nothing here touches the page.

const signed = (value, digits = 1) => (value === null || value === undefined ? "–" :
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`);
const percent = (value) => (value === null || value === undefined ? "–" : `${signed(value)} %`);
const span = (low, high) => (low === null || low === undefined ? "–" : `${signed(low)} to ${signed(high)} %`);
const thousands = new Intl.NumberFormat("en");
const count = (value) => thousands.format(Math.round(value));
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
const named = (names, most = 8) => (names.length <= most + 1 ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`);

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
function dayText(isoDate) {
  const [year, month, day] = isoDate.split("-").map(Number);
  return `${day} ${MONTHS[month - 1]} ${year}`;
}

const zoneNames = new Map();
/** What the clocks of a city's zone are called at an instant: GMT, BST, CET ... */
function zoneName(city, instant) {
  const zone = zoneOf(city), key = `${zone}|${offsetOf(zone, instant)}`;
  if (!zoneNames.has(key)) {
    const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "short" }).formatToParts(instant);
    zoneNames.set(key, parts.find((part) => part.type === "timeZoneName").value);
  }
  return zoneNames.get(key);
}
const clockText = (city, instant) => new Date(localClock(city, instant)).toISOString().slice(11, 16);
/** An instant on the clocks of a city, with their zone: "Sat 17 Jan, 15:00 GMT". Another year than the data's last is named. */
function timeText(city, instant) {
  const local = new Date(localClock(city, instant)), day = dayText(local.toISOString().slice(0, 10));
  const shown = meta && day.endsWith(meta.data_until.slice(0, 4)) ? day.slice(0, -5) : day;
  return `${WEEKDAYS[local.getUTCDay()]} ${shown}, ${clockText(city, instant)} ${zoneName(city, instant)}`;
}

/**
 * What an estimate claims: "higher", "lower" (found among all questions asked), "perhaps higher", "perhaps lower" (the
 * interval leaves out zero, which is all), "doubtful", "none" or "unknown".
 */
function claimOf({ pct, low, high, verdict }) {
  if (pct === null || pct === undefined || verdict === "insufficient" || verdict === "diagnostic") return "unknown";
  if (["higher", "lower", "doubtful"].includes(verdict)) return verdict;
  return low > 0 ? "perhaps higher" : high < 0 ? "perhaps lower" : "none";
}

const WORDS = { higher: "more orders", lower: "fewer orders", "perhaps higher": "perhaps more", "perhaps lower": "perhaps fewer",
  doubtful: "doubtful", none: "no effect shown", unknown: "too little data" };
const MARKS = { higher: "▲", lower: "▼", "perhaps higher": "△", "perhaps lower": "▽", doubtful: "?", none: "○", unknown: "…" };
const LINKS = { higher: "▲ rises with it", lower: "▼ falls with it", "perhaps higher": "△ perhaps rises", "perhaps lower": "▽ perhaps falls",
  none: "○ no link shown", unknown: "… too little data", diagnostic: "a check, no finding" };
const isSure = (claim) => claim === "higher" || claim === "lower";

/** Days of a filter in words: "1 Sep to 20 Dec 2025". */
function datesText(state) {
  if (!state.from && !state.to) return "";
  if (!state.to) return `from ${dayText(state.from)} on`;
  if (!state.from) return `up to ${dayText(state.to)}`;
  const from = dayText(state.from), to = dayText(state.to);
  return `${from.slice(-4) === to.slice(-4) ? from.slice(0, -5) : from} to ${to}`;
}

/** How a type of match is called: of one, of many, and as a choice. */
const TYPES = { regular: ["league match", "league matches"], tournament: ["cup match", "cup matches"], final: ["final", "finals"] };

/** Which matches a filter has, in the middle of a sentence. */
function whose(state) {
  const type = state.type && TYPES[state.type][1], dates = datesText(state);
  const which = state.team ? `while ${state.team} plays${type ? ` in ${type}` : ""}` : type ? `during ${type}` : "during matches";
  return dates ? `${which} (${dates})` : which;
}

const filterParts = (state) => [state.team, state.type && TYPES[state.type][1], datesText(state)].filter(Boolean);

function filterWords(state) {
  return `${filterParts(state).join(", ") || "all matches"} · ${state.source === "mock" ? "simulated" : state.source || "no"} data`;
}

/** Why there is nothing to show for a filter, or an empty text. */
function problemOf(state, sides) {
  if (!state.source) return "There is no data yet. Run pizza-assets demo, or collect the days of your own shops.";
  if (isReversed(state)) return `The dates are reversed: ${dayText(state.from)} is after ${dayText(state.to)}.`;
  if (sides.length) return "";
  const hasDays = meta && (!state.from || state.from <= meta.data_until) && (!state.to || state.to >= meta.data_from);
  const period = meta ? ` The data runs from ${dayText(meta.data_from)} to ${dayText(meta.data_until)}.` : "";
  const what = [state.type ? TYPES[state.type][0] : "match", state.team && `of ${state.team}`].filter(Boolean).join(" ");
  const dates = datesText(state);
  return `No ${what} in this ${state.source === "mock" ? "simulated " : ""}data${dates ? `, ${dates}` : ""}.${hasDays ? "" : period}`;
}

/** City kick-offs and the matches they are of: what every n counts. */
function counted(n, sides) {
  const matches = new Set(sides.filter(isCounted).map((row) => row.match_id)).size;
  return `${plural(n, "city kick-off", "city kick-offs")} in ${plural(matches, "match", "matches")}`;
}

function headline(claim, uplift, state) {
  const simulated = state.source === "mock" ? ", in simulated data" : "", when = whose(state);
  if (claim === "unknown") return { text: `Too little data to say${simulated}: do orders change ${when}?`, figure: "" };
  if (claim === "none") return { text: `Not shown${simulated}: orders ${when} stay within what chance alone makes.`, figure: "" };
  const figure = `${Math.abs(uplift.pct).toFixed(1)}\u00a0%`;
  const run = `orders run ${figure} ${uplift.pct < 0 ? "below" : "above"} normal ${when}`;
  const text = {
    higher: `Yes${simulated}: ${run}.`,
    lower: `No, the opposite${simulated}: ${run}.`,
    "perhaps higher": `Perhaps${simulated}: ${run}, but that is not certain.`,
    "perhaps lower": `Perhaps the opposite${simulated}: ${run}, but that is not certain.`,
    doubtful: `Doubtful${simulated}: ${run}, and were not normal either where nobody played.`,
  }[claim];
  return { text, figure };
}

/** A number of orders as people say it, without its sign. */
const about = (value) => { const size = Math.abs(value); return size < 0.05 ? "0" : size < 2.95 ? size.toFixed(1).replace(".0", "") : count(size); };
const money = (value, currency) => new Intl.NumberFormat("en-GB", { style: "currency", currency, maximumSignificantDigits: 2,
  minimumFractionDigits: 0, maximumFractionDigits: value < 2 ? 1 : 0 }).format(value);

/** The claim in daily words: orders per match and city, and what they are worth. */
function dailyWords(claim, uplift, state) {
  if (claim === "unknown") {
    return `A number needs at least ${rules.minUnits} city kick-offs in ${rules.minWeeks} weeks; here are ${count(uplift.n)}.`;
  }
  const perKickOff = uplift.orders / uplift.n / (1 + uplift.pct / 100);
  if (!(perKickOff > 0)) return "";
  const orders = (pct) => perKickOff * pct / 100;
  const [low, extra, high] = [uplift.low, uplift.pct, uplift.high].map(orders);
  const way = (value) => `${about(value)} ${value < 0 ? "fewer" : "more"}`;
  if (claim === "none") return `Anything from ${way(low)} to ${way(high)} orders per match and city fits this data.`;
  const range = [low, high].map(Math.abs).sort((a, b) => a - b).map(about);
  const worth = orderValue(state), value = worth ? Math.abs(extra) * worth.mean : 0;
  const sum = value >= 0.5 ? `, some ${money(value, worth.currency)}${extra < 0 ? " less" : ""}` : "";
  const between = range[0] === range[1] ? "" : ` (${range[0]} to ${range[1]})`;
  const said = `about ${way(extra)} orders per match and city${between}${sum}`;
  return claim === "doubtful" ? `It would be ${said}, if matches were the cause.`
    : isSure(claim) ? `That is ${said}.` : `If so, it is ${said}.`;
}

function evidence(claim, uplift, sides) {
  const from = counted(uplift.n, sides);
  if (claim === "unknown") return `${from}.`;
  const leavesOut = "The interval leaves out zero";
  const why = {
    none: "The interval includes zero.",
    doubtful: "Cities that did not play had unusual orders at these hours too.",
    ...Object.fromEntries(["perhaps higher", "perhaps lower"].map((name) => [name, uplift.exact
      ? `${leavesOut}. It fails only the test of many: among so many questions, chance brings such a result now and then.`
      : `${leavesOut}. That is not tested against the many other filters.`])),
  }[claim] || "";
  return [`95 % interval ${span(uplift.low, uplift.high)}, from ${from}.`, why,
    uplift.exact ? "" : "Approximate: worked out here for this filter."].filter(Boolean).join(" ");
}

const WINDOW = { pre_match: "2 h before kick-off", during_match: "2 h from kick-off", post_match: "2 h to 4 h after kick-off", day: "24 h from kick-off" };

/** The two hours before, from and after kick-off with their claims: where the chart's hours add up. */
function windowsSay(state) {
  return ["pre_match", "during_match", "post_match"].map((name) => [name, upliftOf(state, name)])
    .filter(([, uplift]) => uplift && uplift.pct !== null)
    .map(([name, uplift]) => ({ name: WINDOW[name], figure: percent(uplift.pct), claim: claimOf(uplift), word: WORDS[claimOf(uplift)] }));
}

/** Every club of the filter with its claim, those with a number first. */
function clubsIn(state) {
  return choices.team.map((team) => {
    const of = { ...state, team }, uplift = upliftOf(of), claim = claimOf(uplift);
    return { team, uplift, claim, word: WORDS[claim], says: `${MARKS[claim]} ${WORDS[claim]}` };
  }).filter((row) => row.uplift.n > 0)
    .sort((a, b) => (b.uplift.pct ?? -Infinity) - (a.uplift.pct ?? -Infinity) || (a.team < b.team ? -1 : 1));
}

function clubsSay(rows, state) {
  if (!rows.length) return "No club's matches count here.";
  const of = (claim) => rows.filter((row) => row.claim === claim).map((row) => row.team);
  const parts = [["higher", "More orders for certain"], ["lower", "Fewer orders for certain"], ["doubtful", "Doubtful"],
    ["perhaps higher", "Perhaps more"], ["perhaps lower", "Perhaps fewer"]]
    .filter(([claim]) => of(claim).length).map(([claim, words]) => `${words}: ${named(of(claim))}.`);
  if (!rows.some((row) => isSure(row.claim))) parts.unshift("No club alone is certain.");
  const rest = [["none", "no effect shown"], ["unknown", "too little data"]].filter(([claim]) => of(claim).length)
    .map(([claim, words]) => `${words} for ${of(claim).length}`).join(", ");
  if (rest) parts.push(`Of ${plural(rows.length, "club", "clubs")}, ${rest}.`);
  if (rows.some((row) => !row.uplift.exact)) parts.push("Approximate, for this filter.");
  const elsewhere = rows.filter((row) => row.uplift.exact).flatMap((row) => ["pre_match", "post_match"].map((name) => {
    const claim = claimOf(upliftOf({ ...state, team: row.team }, name) || {});
    return isSure(claim) ? `${row.team} (${WORDS[claim]} ${WINDOW[name]})` : "";
  })).filter(Boolean);
  if (elsewhere.length) parts.push(`For certain at other hours: ${named(elsewhere)}.`);
  return parts.join(" ");
}

const NATIONAL = { nation: "", tournament: "", stage: "Stage: " };
const TOURNAMENTS = { EC: "European Championship", WC: "World Cup" };
const stageText = (stage) => stage.replaceAll("_", " ").toLowerCase();

/** Matches of national teams by nation, tournament and stage, with their claims, those with a number first. */
function nationsIn(state) {
  return tables.effects.filter((row) => row.data_source === state.source && row.time_window === rules.headlineWindow && row.scope.split(":")[0] in NATIONAL)
    .map((row) => {
      const kind = row.scope.split(":")[0], name = row.scope.slice(kind.length + 1);
      const uplift = { pct: row.verdict === "insufficient" ? null : row.uplift_pct, low: row.ci_low, high: row.ci_high, n: row.n_matches, verdict: row.verdict };
      const claim = claimOf(uplift);
      return { kind, name: `${NATIONAL[kind]}${kind === "stage" ? stageText(name) : kind === "tournament" ? TOURNAMENTS[name] || `Matches of ${name}` : name}`, uplift, claim, says: `${MARKS[claim]} ${WORDS[claim]}` };
    }).sort((a, b) => Object.keys(NATIONAL).indexOf(a.kind) - Object.keys(NATIONAL).indexOf(b.kind) || (b.uplift.pct ?? -Infinity) - (a.uplift.pct ?? -Infinity));
}

function nationsSay(rows, state) {
  const of = (claim) => rows.filter((row) => row.claim === claim).map((row) => row.name);
  const parts = [["higher", "More orders for certain"], ["lower", "Fewer orders for certain"], ["doubtful", "Doubtful"],
    ["perhaps higher", "Perhaps more"], ["perhaps lower", "Perhaps fewer"], ["none", "No effect shown"]]
    .filter(([claim]) => of(claim).length).map(([claim, words]) => `${words}: ${named(of(claim))}.`);
  if (!parts.length) parts.push("Too few matches of national teams for a number.");
  if (state.team || state.type || state.from || state.to) parts.push("The whole period, whatever the filter.");
  return parts.join(" ");
}

/** The city kick-offs to list: a city without known orders only where no other city of the match has any. */
function listed(kickOffs) {
  const known = new Set(kickOffs.filter((row) => row.expected !== null).flatMap((row) => row.ids));
  return kickOffs.filter((row) => row.expected !== null || !row.ids.every((id) => known.has(id)));
}

/** What the list of city kick-offs is, and how many of them count. */
function kickOffsSay(rows) {
  if (!rows.length) return "";
  const matches = new Set(rows.flatMap((row) => row.ids)).size, left = rows.filter((row) => !isCounted(row)).length;
  const out = left ? ` ${count(left)} of them ${left === 1 ? "does" : "do"} not count: another match overlaps, or orders are missing.` : "";
  return `${plural(rows.length, "city kick-off", "city kick-offs")} in ${plural(matches, "match", "matches")}.${out} One alone is mostly chance.`;
}

/** Every published result with its claim, whatever the filter; jargon is allowed here. */
function testsOf(source) {
  const uplifts = tables.effects.filter((row) => row.data_source === source).map((row) => {
    const [kind, name] = [row.scope.split(":")[0], row.scope.slice(row.scope.indexOf(":") + 1)];
    const claim = claimOf({ pct: row.uplift_pct, low: row.ci_low, high: row.ci_high, verdict: row.verdict });
    return { ...row, what: kind === "all" ? "orders, all matches" : `orders, ${kind === "significance" ? "type" : kind}: ${name}`,
      method: row.method.replace("_", " "), estimate: row.uplift_pct, unit: "%", claim, says: `${MARKS[claim]} ${WORDS[claim]}` };
  });
  const links = tables.correlations.filter((row) => row.data_source === source).map((row) => {
    const claim = row.verdict === "diagnostic" ? "diagnostic" : claimOf({ pct: row.r, low: row.ci_low, high: row.ci_high, verdict: row.verdict });
    return { ...row, what: `orders and ${row.factor}`, method: row.method.replace("_", "-"), estimate: row.r, unit: "r", claim,
      says: LINKS[claim] };
  });
  return [...uplifts, ...links];
}

function shopsSay(overall, source) {
  if (!overall.length) return `No sales in shops are analysed in this ${source === "mock" ? "simulated" : "real"} data yet: the warehouse makes that after the retailers' loads.`;
  const of = (claim) => overall.filter((row) => row.claim === claim).map((row) => row.category);
  const days = Math.max(...overall.map((row) => row.days));
  const made = `${plural(days, "day", "days")} of ${source === "mock" ? "simulated" : "real"} sales up to ${dayText(overall[0].as_of)}, all cities, 2 h from kick-off.`;
  if (of("unknown").length === overall.length) {
    return `${made} Too little data: a number needs at least ${rules.minUnits} city kick-offs in ${rules.minWeeks} weeks.`;
  }
  const parts = [["higher", "More for certain"], ["lower", "Fewer for certain"], ["doubtful", "Doubtful"], ["perhaps higher", "Perhaps more"],
    ["perhaps lower", "Perhaps fewer"], ["none", "No effect shown"], ["unknown", "Too little data"]]
    .filter(([claim]) => of(claim).length).map(([claim, words]) => `${words}: ${named(of(claim))}.`);
  return [made, ...parts].join(" ");
}

/** Where the data comes from, how old it is, and how to get more: [strong, text] for each line. */
function provenance(now) {
  if (!meta) return [["No data yet", "."]];
  const orders = meta.share_real_orders, matches = meta.share_real_matches;
  const ownMatches = "Set FOOTBALL_API_KEY, free at football-data.org, for real matches", ownOrders = "ORDERS_FILES for the orders of your till";
  const lines = [];
  if (!meta.is_mock) lines.push(["Real data", ": every order and every match is real."]);
  else if (!orders && !matches) lines.push(["Simulated data", `. ${ownMatches}, ${ownOrders}.`]);
  else if (!orders && matches === 100) lines.push(["Real matches, simulated orders", `. Set ${ownOrders}.`]);
  else if (orders === 100 && !matches) lines.push(["Real orders, simulated matches", `. ${ownMatches}.`]);
  else lines.push(["Real and simulated data", `: ${orders} % of the days have real orders, ${matches} % of the matches are real. They are never added up; choose one under “Data source”.`]);
  const age = Math.floor((now - Date.parse(meta.data_until)) / DAY) - 1;
  if (age > rules.staleAfterDays) lines.push(["Old data", `: the newest orders are of ${dayText(meta.data_until)}, ${plural(age, "day", "days")} ago.`]);
  return lines;
}

function planted() {
  if (!meta || !meta.is_mock || meta.planted === "none") return "";
  const made = JSON.parse(meta.planted), of = (name) => percent(100 * Math.expm1(made[`mock_uplift_${name}`] || 0));
  return `The simulation plants ${of("pre_match")} before, ${of("during_match")} during and ${of("post_match")} after a regular match, and more in cups.`;
}

/** All that is said of a filter on the first screen. */
function storyOf(state) {
  const sides = matchesIn(state), problem = problemOf(state, sides);
  if (problem) {
    return { problem, claim: "unknown", sides: [], headline: { text: problem, figure: "" }, daily: "", evidence: "", hours: [], windows: [],
      clubs: [], clubsSay: "", nations: [], kickOffs: [], kickOffsSay: "" };
  }
  const uplift = upliftOf(state), claim = claimOf(uplift), clubs = clubsIn(state), kickOffs = listed(kickOffsOf(sides));
  return { problem, claim, sides, uplift, headline: headline(claim, uplift, state), daily: dailyWords(claim, uplift, state),
    evidence: evidence(claim, uplift, sides), hours: hoursIn(state), windows: windowsSay(state), clubs, clubsSay: clubsSay(clubs, state), nations: nationsIn(state), kickOffs,
    kickOffsSay: kickOffsSay(kickOffs) };
}
