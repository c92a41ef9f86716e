// The match that is open: its orders by the hour, its phases and its goals.

function matchOrder() {
  const seen = new Map();
  for (const row of matchesIn(state)) if (isOpen(row) && !seen.has(row.match_id)) seen.set(row.match_id, row.kickoff);
  return [...seen.keys()];
}

function openMatch(id) {
  go({ match: id });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  get("match").scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
}

function goalRows(sides) {
  const goals = sides.flatMap((side) => (side.goals_after ? side.goals_after.split(" ") : []).map((text) => {
    const after = Number(text), minute = after > 60 ? after - 15 : after; // 15 min of half-time are counted in
    return { at: side.kickoff + after * MINUTE, minute: `${minute}'`, text: `${side.team}, ${minute}'` };
  })).sort((a, b) => a.at - b.at);
  // Minutes that would overlap share one label.
  let first = null;
  for (const goal of goals) {
    if (first && goal.at - first.at < 30 * MINUTE) { first.minute += ` ${goal.minute}`; goal.minute = ""; } else first = goal;
  }
  return goals;
}

function drawMatch() {
  const id = state.match, sides = matchesById.get(id) || [], box = get("match-chart");
  get("match").hidden = !sides.length;
  if (!sides.length) return;
  const order = matchOrder(), place = order.indexOf(id);
  get("previous").disabled = place <= 0;
  get("next").disabled = place < 0 || place >= order.length - 1;
  const home = sides.find((row) => row.is_home) || sides[0];
  get("match-title").textContent = result(home);
  get("match-says").textContent = `${timeText(home.city, home.kickoff)} · ${TYPES[home.match_type][0]} · ${home.data_source === "mock" ? "simulated" : "real"} data`;
  const cities = [...new Map([...sides].sort((a, b) => b.is_home - a.is_home).map((row) => [row.city, row])).values()].filter(isOpen);
  panelsIn(box, cities.map((row) => row.city));
  if (!cities.length) drawEmptyPanels(box, "The hours of this match are not in this file: no orders in these cities, or an old match among very many.");
  const goals = goalRows(sides);
  cities.forEach((row, i) => {
    const hours = hoursOf(id, row.city, row.data_source), shift = localClock(row.city, row.kickoff) - row.kickoff;
    const rows = hours.map((hour) => ({ from: hour.at + shift, to: hour.at + shift + HOUR * 0.94, orders: hour.orders, hour: clockText(row.city, hour.at),
      expected: hour.expected.toFixed(1), goals: goals.filter((goal) => goal.at >= hour.at && goal.at < hour.at + HOUR).length }));
    const noise = hours.map((hour) => ({ from: hour.at + shift, expected: hour.expected,
      low: Math.max(0, hour.expected - 1.96 * Math.sqrt(hour.expected)), high: hour.expected + 1.96 * Math.sqrt(hour.expected) }));
    if (noise.length) noise.push({ ...noise.at(-1), from: noise.at(-1).from + HOUR });
    const first = noise.length ? noise[0].from : 0, last = noise.length ? noise.at(-1).from : 0;
    const phases = [[-2, 0, 0.6, "2 h before kick-off"], [0, 2, 1, "the match, 2 h from kick-off"], [2, 4, 0.6, "2 h after"]]
      .map(([from, to, weight, text]) => ({ from: row.kickoff + shift + from * HOUR, to: row.kickoff + shift + to * HOUR, weight, text }))
      .filter((phase) => phase.from >= first && phase.to <= last);
    const shown = goals.map((goal) => ({ ...goal, at: goal.at + shift, when: clockText(row.city, goal.at) })).filter((goal) => goal.at < last);
    const uplift = element("span", row.uplift_pct === null ? "" :
      ` ${percent(row.uplift_pct)} in 2 h (95 % interval of counting alone ${span(row.ci_low, row.ci_high)})${row.is_clean ? "" : ", not counted: another match overlaps"}`);
    box.children[i].firstChild.replaceChildren(`${row.city}, ${zoneName(row.city, row.kickoff)}`, uplift);
    drawOrSay("match", box.children[i].lastChild, { rows, noise, phases, goals: shown },
      "No orders known around this match.", {}, `Orders by the hour in ${row.city}`);
  });
  get("match-note").textContent = goals.length || !(home.goals_for + home.goals_against)
    ? "Goals stand at their minute, with 15 min of half-time counted in."
    : "The source does not tell the minutes of the goals.";
}

function drawEmptyPanels(box, sentence) {
  for (const part of box.querySelectorAll("figure > div")) discard(part);
  box.dataset.panels = "";
  box.replaceChildren(element("p", sentence, "empty"));
}
