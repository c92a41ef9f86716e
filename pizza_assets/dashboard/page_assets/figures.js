// The first screen: what is said of a filter, its chart, clubs and city kick-offs.

const get = (id) => document.getElementById(id);
let state = stateOf(location.hash);

function banner() {
  const box = get("banner"), lines = provenance(Date.now());
  box.classList.toggle("real", Boolean(meta) && !meta.is_mock && lines.length === 1);
  box.replaceChildren(...lines.map(([strong, text], i) => {
    const line = element("p");
    line.append(element("strong", strong), text);
    if (i) line.id = "stale";
    return line;
  }));
}

/** Fill an element with a sentence whose figure stands out. */
function sayWithFigure(box, { text, figure }) {
  const at = figure ? text.indexOf(figure) : -1;
  box.replaceChildren(...(at < 0 ? [text] : [text.slice(0, at), element("em", figure), text.slice(at + figure.length)]));
}

function drawStory(story) {
  sayWithFigure(get("headline"), story.headline);
  get("daily").textContent = story.daily;
  get("evidence").textContent = story.evidence;
  get("filter-words").textContent = filterWords(state);
  get("answer").hidden = Boolean(story.problem);
  get("windows").replaceChildren(...story.windows.map((row) => {
    const item = element("li", undefined, isSure(row.claim) ? "sure" : "");
    item.append(element("b", row.figure), ` ${row.name}: ${row.word}`);
    return item;
  }));
}

function drawHours(story) {
  const isHourly = story.hours.every((row) => row.to - row.from === 1);
  const rows = story.hours.map((row) => {
    const isNoise = row.low <= 0 && row.high >= 0, edge = (row.to - row.from) * 0.12;
    return { ...row, left: row.from + edge, right: row.to - edge, middle: (row.from + row.to) / 2, kind: isNoise ? "noise" : row.low > 0 ? "above" : "below",
      label: isNoise ? "" : signed(row.pct, 0), uplift_text: percent(row.pct), interval: span(row.low, row.high),
      hours: `${signed(row.from, 0)} to ${signed(row.to, 0)} h from kick-off` };
  });
  const values = rows.flatMap((row) => [row.low, row.high, 0]);
  const room = (Math.max(...values) - Math.min(...values)) * 0.12 || 5;
  const signals = { x_low: isHourly ? -6 : -2.6, x_high: isHourly ? 9 : 4.6, y_low: Math.max(-90, Math.min(-5, Math.min(...values) - room)),
    y_high: Math.min(250, Math.max(10, Math.max(...values) + 2 * room)) };
  const which = filterParts(state).join(", ");
  get("hours-title").textContent = `Orders against a normal hour, by the hour from kick-off${which ? `: ${which}` : ""}`;
  get("hours-note").textContent = isHourly
    ? "Bars are 95 % intervals: coloured where they leave out zero, as one in twenty does by chance, grey where they do not."
    : rows.length < 3 ? "The bar is the 95 % interval of the 2 h from kick-off. Other hours are known for all dates together."
      : "Bars are 95 % intervals over 2 h. Single hours are known for all clubs together.";
  drawOrSay("hours", get("hours-chart"), { rows }, "Too few matches for a chart.", signals, get("hours-title").textContent);
}

/** A club's or shop's estimate and interval on a scale that all rows share. */
function intervalBar(uplift, scale, claim) {
  const bar = element("span", undefined, `interval ${claim.split(" ").at(-1)} ${isSure(claim) ? "sure" : ""}`);
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `95 % interval ${span(uplift.low, uplift.high)}`);
  const at = (value) => `${100 * (Math.max(scale.low, Math.min(scale.high, value)) - scale.low) / (scale.high - scale.low)}%`;
  const part = (name) => { const made = element("i", undefined, name); bar.append(made); return made; };
  part("zero").style.left = at(0);
  const range = part("range");
  range.style.left = at(uplift.low);
  range.style.right = `calc(100% - ${at(uplift.high)})`;
  part("point").style.left = at(uplift.pct);
  return bar;
}

function scaleOf(rows) {
  const low = Math.min(0, ...rows.map((row) => row.uplift.low)), high = Math.max(0, ...rows.map((row) => row.uplift.high));
  const room = (high - low) * 0.04 || 1;
  return { low: Math.max(-100, low - room), high: Math.min(300, high + room) };
}

/** Rows of name, interval, figure and claim. `link` makes the name's element. */
function intervalRows(box, rows, link) {
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const known = rows.filter((row) => row.uplift.pct !== null), scale = scaleOf(known), isAll = showsAll.has(box.id) || known.length <= ROWS_AT_FIRST + 3;
  const list = element("ol", undefined, "intervals");
  for (const row of isAll ? known : known.slice(0, ROWS_AT_FIRST)) {
    const line = element("li"), name = element("span", undefined, "name");
    name.append(link(row));
    line.append(name, intervalBar(row.uplift, scale, row.claim), element("span", percent(row.uplift.pct), "figure"),
      element("span", row.says, `claim ${isSure(row.claim) ? "sure" : ""}`));
    if (row.isChosen) line.className = "chosen";
    list.append(line);
  }
  const few = rows.filter((row) => row.uplift.pct === null).map((row) => row.name);
  const parts = known.length ? [list] : [];
  if (!isAll) parts.push(moreButton(box.id, known.length, () => intervalRows(box, rows, link)));
  if (few.length) parts.push(element("p", `${WORDS.unknown[0].toUpperCase()}${WORDS.unknown.slice(1)}: ${named(few)}.`, "note"));
  box.replaceChildren(...parts);
  if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** A link that changes the filter. */
function filterLink(text, change, key) {
  const link = element("a", text);
  link.href = `#${hashOf({ ...state, ...change })}`;
  link.dataset.key = key;
  link.addEventListener("click", (event) => { event.preventDefault(); go(change); });
  return link;
}

function drawClubs(story) {
  get("clubs-says").textContent = story.clubsSay;
  const rows = story.clubs.map((row) => ({ ...row, name: row.team, isChosen: row.team === state.team }));
  intervalRows(get("clubs"), rows, (row) => {
    const link = filterLink(row.team, { team: row.isChosen ? "" : row.team }, `team-${row.team}`);
    if (row.isChosen) link.setAttribute("aria-current", "true");
    return link;
  });
}

function drawNations(story) {
  get("nations-section").hidden = !story.nations.length;
  get("nations-says").textContent = nationsSay(story.nations, state);
  intervalRows(get("nations"), story.nations, (row) => element("span", row.name));
}

const title = (row) => (row.is_home ? `${row.team} v ${row.opponent}` : `${row.opponent} v ${row.team}`);
const score = (row) => (row.is_home ? `${row.goals_for}–${row.goals_against}` : `${row.goals_against}–${row.goals_for}`);
const result = (row) => title(row).replace(" v ", ` ${score(row)} `);

function matchLink(id, text) {
  const link = element("a", text);
  link.href = `#${hashOf({ ...state, match: id })}`;
  link.dataset.key = `match-${id}`;
  link.addEventListener("click", (event) => { event.preventDefault(); openMatch(id); });
  return link;
}

/** The newest city kick-offs of the filter, one row each, with all their matches. */
function drawKickOffs(story) {
  const box = get("kick-offs"), focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  get("kick-offs-says").textContent = story.kickOffsSay;
  const rows = [...story.kickOffs].sort((a, b) => b.kickoff - a.kickoff || (a.city < b.city ? -1 : 1));
  const isAll = showsAll.has(box.id) || rows.length <= 11, list = element("ol", undefined, "kick-offs");
  for (const row of isAll ? rows : rows.slice(0, 8)) {
    const line = element("li", undefined, row.ids.includes(state.match) ? "chosen" : "");
    const games = element("span", undefined, "games");
    row.ids.forEach((id, i) => games.append(i ? ", " : "", matchLink(id, result(matchesById.get(id)[0]))));
    const orders = row.expected === null ? "no orders known" : `${count(row.orders)} orders, ${count(row.expected)} normal${row.is_clean ? "" : ", not counted"}`;
    line.append(element("span", `${timeText(row.city, row.kickoff)} · ${row.city} · ${orders}`, "when"), games,
      element("span", row.expected === null ? "" : percent(row.uplift_pct), `figure${row.is_clean ? "" : " out"}`));
    list.append(line);
  }
  box.replaceChildren(...(rows.length ? [list] : []), ...(isAll ? [] : [moreButton(box.id, rows.length, () => drawKickOffs(story))]));
  if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}
