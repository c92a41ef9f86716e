// The match that is open: its orders by the hour, its phases and its goals.

function matchOrder() {
  const seen = new Map();
  for (const row of matchesIn(state)) if (isOpen(row) && !seen.has(row.match_id)) seen.set(row.match_id, row.kickoff);
  return [...seen.keys()];
}

/** The match to show: the one asked for, else the newest one in the filter that can be opened. */
function shownMatch() {
  return state.match || matchOrder().at(-1) || "";
}

function openMatch(id) {
  go({ match: id });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  get("match").scrollIntoView({ behavior: still ? "auto" : "smooth", block: "nearest" });
}

function goalRows(sides) {
  const goals = sides.flatMap((side) => (side.goals_after ? side.goals_after.split(" ") : []).map((text) => {
    const after = Number(text), minute = after > 60 ? after - 15 : after; // 15 min of half-time are counted in
    return { at: side.kickoff + after * MINUTE, minute: `${minute}'`, text: `${side.team}, ${minute}'`, when: isoMinute(side.kickoff + after * MINUTE) };
  })).sort((a, b) => a.at - b.at);
  // Minutes that would overlap share one label.
  let first = null;
  for (const goal of goals) {
    if (first && goal.at - first.at < 30 * MINUTE) { first.minute += ` ${goal.minute}`; goal.minute = ""; } else first = goal;
  }
  return goals;
}

function drawMatch() {
  const id = shownMatch(), sides = matchesById.get(id) || [], box = get("match-chart");
  const order = matchOrder(), place = order.indexOf(id);
  get("previous").disabled = place <= 0;
  get("next").disabled = place < 0 || place >= order.length - 1;
  if (!sides.length) {
    get("match-title").textContent = "One match";
    get("match-says").textContent = "";
    get("match-note").textContent = "";
    box.dataset.panels = "";
    drawEmptyPanels(box, "No match to show in this filter.");
    return;
  }
  const home = sides.find((row) => row.is_home) || sides[0];
  get("match-title").textContent = `One match: ${title(home)}, ${score(home)}`;
  get("match-says").textContent = `${isoMinute(home.kickoff)} UTC · ${home.competition_name || home.match_type} · ${home.data_source} data` +
    (state.match ? "" : " · the newest in the filter; click any other to open it");
  const cities = [...new Map(sides.sort((a, b) => b.is_home - a.is_home).map((row) => [row.city, row])).values()].filter(isOpen);
  const key = cities.map((row) => row.city).join("|") || "none";
  if (box.dataset.panels !== key) {
    for (const part of box.querySelectorAll("figure > div")) discard(part);
    box.replaceChildren(...cities.map(() => { const figure = element("figure"); figure.append(element("figcaption"), element("div")); return figure; }));
    box.dataset.panels = key;
  }
  if (!cities.length) drawEmptyPanels(box, "The hours of this match are not in this file: no orders in these cities, or an old match among very many.");
  const goals = goalRows(sides);
  cities.forEach((row, i) => {
    const hours = hoursOf(id, row.city, row.data_source);
    const rows = hours.map((hour) => ({ from: hour.at, to: hour.at + HOUR * 0.94, orders: hour.orders, hour: isoMinute(hour.at).slice(11),
      expected: hour.expected.toFixed(1), goals: goals.filter((goal) => goal.at >= hour.at && goal.at < hour.at + HOUR).length }));
    const noise = hours.map((hour) => ({ from: hour.at, expected: hour.expected,
      low: Math.max(0, hour.expected - 1.96 * Math.sqrt(hour.expected)), high: hour.expected + 1.96 * Math.sqrt(hour.expected) }));
    if (noise.length) noise.push({ ...noise.at(-1), from: noise.at(-1).from + HOUR });
    const first = hours.length ? hours[0].at : 0, last = hours.length ? hours.at(-1).at + HOUR : 0;
    const phases = [[-2, 0, 0.6, "2 h before kick-off"], [0, 2, 1, "the match, 2 h from kick-off"], [2, 4, 0.6, "2 h after"]]
      .map(([from, to, weight, text]) => ({ from: row.kickoff + from * HOUR, to: row.kickoff + to * HOUR, weight, text }))
      .filter((phase) => phase.from >= first && phase.to <= last);
    const caption = box.children[i].firstChild, uplift = element("span", row.uplift_pct === null ? "" :
      ` ${percent(row.uplift_pct)} during (${span(row.ci_low, row.ci_high)} by counting noise alone)${row.is_clean ? "" : ", overlaps another match"}`);
    caption.replaceChildren(`Orders in ${row.city}`, uplift);
    drawOrSay("match", box.children[i].lastChild, { rows, noise, phases, goals: goals.filter((goal) => goal.at < last) },
      "No orders known around this match.", {}, `Orders by the hour in ${row.city}`);
  });
  get("match-note").textContent = goals.length || !(home.goals_for + home.goals_against)
    ? "Goals stand at their minute, with 15 min of half-time counted in. A whole clock hour's expected orders leave out the correction by other cities that the uplift has."
    : "The source does not tell the minutes of the goals.";
}

function drawEmptyPanels(box, sentence) {
  for (const part of box.querySelectorAll("figure > div")) discard(part);
  box.replaceChildren(element("p", sentence, "empty"));
}
