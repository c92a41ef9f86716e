// The words and figures of a filter: headline, banner, cards, charts.

const get = (id) => document.getElementById(id);
const signed = (value, digits = 1) => (value === null || value === undefined ? "–" :
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`);
const percent = (value) => (value === null || value === undefined ? "–" : `${signed(value)} %`);
const span = (low, high) => (low === null || low === undefined ? "–" : `${signed(low)} to ${signed(high)} %`);
const grouped = new Intl.NumberFormat("en");
const count = (value) => grouped.format(Math.round(value));
const pValue = (value) => (value === null || value === undefined ? "–" : value < 0.0001 ? "< 0.0001" : value.toPrecision(2));
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
const MARKS = { higher: "▲", lower: "▼", "above zero": "▲", "below zero": "▼", insufficient: "…" };
let state = stateOf(location.hash);


function filterWords() {
  const words = [state.team && `matches of ${state.team}`, state.type && `${state.type} matches`];
  if (state.from || state.to) words.push(`${state.from || "the first day"} to ${state.to || "the last day"}`);
  return words.filter(Boolean).join(", ") || "all matches";
}

function leavesOutZero(uplift) { return uplift.pct !== null && (uplift.low > 0 || uplift.high < 0); }

function headline(uplift) {
  const em = element("em", percent(uplift.pct).replace(" ", " "));
  const whose = state.team ? ` when ${state.team} plays` : state.type ? ` during ${state.type} matches` : " during matches";
  const notFound = leavesOutZero(uplift)
    ? ["Not certain: orders run ", em, " against a normal hour", whose, ", as chance alone does now and then among so many questions"]
    : ["Not shown: the data is compatible with no effect", whose];
  return {
    higher: ["Yes: orders run ", em, " against a normal hour", whose],
    "above zero": ["Yes, it seems: orders run ", em, " against a normal hour", whose],
    lower: ["No, the opposite: orders run ", em, " against a normal hour", whose],
    "below zero": ["No, the opposite, it seems: orders run ", em, " against a normal hour", whose],
    doubtful: ["Doubtful: orders run ", em, " against a normal hour", whose, ", and differ where nobody played too"],
    "no effect found": notFound,
    "not shown": notFound,
  }[uplift.verdict] || ["Too little data to say", whose];
}

function lead(uplift) {
  const evidence = uplift.pct === null
    ? `${plural(uplift.n, "kick-off counts", "kick-offs count")}; at least ${rules.minUnits} in ${rules.minWeeks} weeks are needed for a number to trust.`
    : `${percent(uplift.pct)}, 95 % interval ${span(uplift.low, uplift.high)}, from ${plural(uplift.n, "kick-off", "kick-offs")}` +
      (uplift.q === null ? "." : `; p adjusted for all tests ${pValue(uplift.q)}.`);
  const how = uplift.exact ? "" : " Approximate: computed here for this filter, without the error of the baseline.";
  return `${evidence}${how} Expected orders are those of the same city, weekday and hour without a match.`;
}

function banner() {
  const box = get("banner");
  if (!meta) { box.append(element("p", "No data yet.")); return; }
  const isMock = meta.share_real_orders === 0 && meta.share_real_matches === 0;
  const first = element("p");
  if (!meta.is_mock) {
    first.append(element("strong", "Real data"), ": every order and every match is real.");
    box.classList.add("real");
  } else if (isMock) {
    first.append(element("strong", "MOCK DATA"), ": every order and every match on this page is simulated, none is real.");
  } else {
    first.append(element("strong", "REAL AND MOCK DATA"), `: ${meta.share_real_orders} % of the days have real orders, ` +
      `${meta.share_real_matches} % of the matches are real. The two are never pooled; choose one below.`);
  }
  box.append(first);
  if (meta.is_mock && meta.planted !== "none") {
    const planted = JSON.parse(meta.planted);
    const asPercent = (name) => percent(100 * Math.expm1(planted[`mock_uplift_${name}`] || 0));
    box.append(element("p", `The simulation plants ${asPercent("pre_match")} before, ${asPercent("during_match")} during and ` +
      `${asPercent("post_match")} after a regular match, and more in cups.`));
  }
  const age = Math.floor((Date.now() - Date.parse(meta.data_until)) / DAY) - 1;
  if (age > rules.staleAfterDays) {
    box.classList.remove("real");
    const old = element("p");
    old.append(element("strong", "OLD DATA"), `: the newest orders are of ${meta.data_until}, ${count(age)} days ago.`);
    old.id = "stale";
    box.append(old);
  }
}


function intervalBar(uplift, scale) {
  const bar = element("div", undefined, "interval");
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `${percent(uplift.pct)}, interval ${span(uplift.low, uplift.high)}`);
  const at = (value) => `${100 * (Math.max(scale.low, Math.min(scale.high, value)) - scale.low) / (scale.high - scale.low)}%`;
  const part = (name) => { const made = element("i", undefined, name); bar.append(made); return made; };
  part("track");
  part("zero").style.left = at(0);
  const range = part("range");
  range.style.left = at(uplift.low);
  range.style.right = `calc(100% - ${at(uplift.high)})`;
  part("point").style.left = at(uplift.pct);
  return bar;
}

function card(title, figure, small, bar) {
  const made = element("div", undefined, "card");
  made.append(element("h2", title), element("p", figure, /\d/.test(figure) ? "figure" : "figure words"));
  if (bar) made.append(bar);
  made.append(element("p", small, "small"));
  return made;
}

function drawCards(matches, days) {
  const windows = [["pre_match", "2 h before kick-off"], ["during_match", "During, 2 h"], ["post_match", "2 h after"]];
  const uplifts = windows.map(([name]) => upliftOf(state, name));
  const known = uplifts.filter((uplift) => uplift && uplift.pct !== null);
  const low = Math.min(0, ...known.map((uplift) => uplift.low)), high = Math.max(0, ...known.map((uplift) => uplift.high));
  const room = (high - low) * 0.08 || 1;
  const made = windows.map(([, title], i) => {
    const uplift = uplifts[i];
    if (!uplift) return card(title, "not filtered", "Known for all matches, one team or one match type.");
    if (uplift.pct === null) return card(title, "insufficient", `${plural(uplift.n, "kick-off", "kick-offs")} that count`);
    const verdict = uplift.verdict === "no effect found" && leavesOutZero(uplift) ? "not certain" : uplift.verdict;
    const small = `${span(uplift.low, uplift.high)} · ${verdict}${uplift.exact ? "" : " · approximate"}`;
    return card(title, percent(uplift.pct), small, intervalBar(uplift, { low: low - room, high: high + room }));
  });
  const teams = teamRows();
  const proven = teams.filter((row) => row.verdict === "higher").length;
  const orders = days.reduce((sum, row) => sum + row.orders, 0);
  made.push(
    card("Matches in the filter", count(new Set(matches.map((row) => row.match_id)).size), `${count(unitsOf(matches).length)} kick-offs count`),
    card("Orders on these days", count(orders), state.team ? `in ${distinct(matches.map((row) => row.city)).join(", ") || "its city"}` : "in cities with a baseline"),
    card("Teams proven higher", `${proven} of ${teams.length}`, "whole period, adjusted for many teams"));
  get("cards").replaceChildren(...made);
}

function drawDays(days) {
  const ordinary = ordinaryRange(days);
  const rows = days.map((row) => ({
    ...row, from: Date.parse(row.day), to: Date.parse(row.day) + DAY * 0.86, kind: row.matches ? "match day" : "other day",
    dev_text: percent(row.dev_pct), expected: Math.round(row.expected) }));
  const band = ordinary ? [{ ...ordinary, text: `95 % of days without a match: ${span(ordinary.low, ordinary.high)}` }] : [];
  const outside = ordinary ? rows.filter((row) => row.matches && row.dev_pct > ordinary.high).length : 0;
  const playedOn = rows.filter((row) => row.matches).length;
  get("days-says").textContent = ordinary
    ? `${outside} of ${plural(playedOn, "match day lies", "match days lie")} above the range of ordinary days, ${span(ordinary.low, ordinary.high)}. Days are UTC.`
    : `Orders of each day (UTC) against expected. Fewer than 20 days without a match here, so no range of ordinary days.`;
  get("days-cannot").textContent = state.team ? `Shown is the city of ${state.team}: orders do not say whom the customer supports.` : "";
  drawOrSay("days", get("days-chart"), { rows, ordinary: band }, "No day with orders in this filter.", {}, "Orders of each day against expected, in %");
}

function drawProfile() {
  const box = get("profile-chart");
  const wanted = state.type ? [state.type] : ["all", ...choices.type];
  const panels = wanted.map((type) => {
    const all = tables.profile.filter((row) => row.match_type === type && row.data_source === state.source);
    return { type, all, rows: all.filter((row) => row.uplift_pct !== null) };
  }).filter((panel, i, every) => i === 0 || (panel.rows.length && every.filter((other) => other.rows.length).length > 2));
  const few = wanted.filter((type) => !tables.profile.some((row) =>
    row.match_type === type && row.data_source === state.source && row.uplift_pct !== null));
  const values = panels.flatMap((panel) => panel.rows.flatMap((row) => [row.low ?? row.ci_low, row.ci_high]));
  const y_low = Math.max(-60, Math.floor(Math.min(0, ...values) / 10) * 10), y_high = Math.min(150, Math.ceil(Math.max(10, ...values) / 10) * 10);
  const key = panels.map((panel) => panel.type).join();
  if (box.dataset.panels !== key) {
    for (const figure of box.querySelectorAll("figure > div")) discard(figure);
    box.replaceChildren(...panels.map((panel) => {
      const figure = element("figure"), caption = element("figcaption", panel.type === "all" ? "All matches" : panel.type);
      figure.append(caption, element("div"));
      return figure;
    }));
    box.dataset.panels = key;
  }
  panels.forEach((panel, i) => {
    const rows = panel.rows.map((row) => ({
      hour: row.hours_from_kickoff + 0.5, uplift_pct: row.uplift_pct, low: row.ci_low, high: row.ci_high, n: row.n_matches,
      hours: `${signed(row.hours_from_kickoff, 0)} to ${signed(row.hours_from_kickoff + 1, 0)} h`,
      uplift_text: percent(row.uplift_pct), interval: span(row.ci_low, row.ci_high) }));
    drawOrSay("profile", box.children[i].lastChild, { rows }, "Too few matches for an estimate.", { y_low, y_high },
      `Uplift by hour from kick-off, ${panel.type} matches`);
  });
  const cannot = state.team || state.from || state.to;
  get("profile-cannot").textContent = [
    few.length && panels.length ? `Too few matches for an estimate: ${few.join(", ")}.` : "",
    cannot ? "This figure cannot follow team and dates: it shows all teams over the whole period." : ""].filter(Boolean).join(" ");
}

function teamRows() {
  return choices.team.map((team) => ({ team, ...upliftOf({ ...state, from: "", to: "", type: "", team }) }));
}

function drawTeams() {
  const teams = state.team ? [state.team] : choices.team;
  const all = teams.map((team) => ({ team, ...upliftOf({ ...state, team }) }));
  const rows = all.filter((row) => row.pct !== null).sort((a, b) => b.pct - a.pct).map((row) => ({
    ...row, uplift_pct: row.pct, uplift_text: percent(row.pct), interval: span(row.low, row.high),
    verdict: row.verdict === "higher" || row.verdict === "lower" ? row.verdict : "no effect found" }));
  const few = all.filter((row) => row.pct === null).map((row) => row.team);
  const proven = rows.filter((row) => row.verdict === "higher").map((row) => row.team);
  get("teams-says").textContent = rows.some((row) => !row.exact)
    ? "Approximate, for this filter: an interval beyond zero is no proof among so many teams."
    : proven.length ? `Proven higher: ${proven.join(", ")}.` : "No team's uplift is proven.";
  get("teams-few").textContent = few.length ? `Too little data: ${few.join(", ")}.` : "";
  drawOrSay("teams", get("teams-chart"), { rows }, "Too few matches for any team.", {}, "Uplift during matches by team with 95 % intervals");
}

function drawMatches(matches) {
  const places = new Map();
  for (const row of matches) {
    if (row.uplift_pct === null) continue;
    places.set(`${row.match_id}|${row.city}`, {
      kickoff: row.kickoff, uplift_pct: row.uplift_pct, low: row.ci_low, high: row.ci_high, expected: row.expected, orders: row.orders,
      match_type: row.match_type, is_clean: row.is_clean, match_id: row.match_id, city: row.city, match: title(row), when: isoMinute(row.kickoff),
      uplift_text: percent(row.uplift_pct), counts: row.is_clean ? "yes" : "no, matches overlap" });
  }
  const rows = [...places.values()];
  const y_high = Math.min(200, Math.max(50, ...rows.map((row) => row.uplift_pct)));
  const view = drawOrSay("matches", get("matches-chart"),
    { rows, intervals: rows.length <= 60 ? rows : [], chosen: rows.filter((row) => row.match_id === state.match) },
    "No match with orders in this filter.", { y_high }, "Uplift of each match by kick-off");
  view?.then((made) => {
    if (made.opensMatches) return;
    made.addEventListener("click", (_event, item) => { if (item?.datum?.match_id) openMatch(item.datum.match_id); });
    made.opensMatches = true;
  });
}

const title = (row) => (row.is_home ? `${row.team} v ${row.opponent}` : `${row.opponent} v ${row.team}`);
const score = (row) => (row.is_home ? `${row.goals_for}–${row.goals_against}` : `${row.goals_against}–${row.goals_for}`);
