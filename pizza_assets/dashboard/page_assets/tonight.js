// Tonight: where each city stands against its forecast. It is there when a server of the page tells it, and follows.

const SAYS = { above: "▲ more than its band allows", below: "▼ fewer than its band allows", "as expected": "○ as expected",
  "too early to tell": "… too early to tell", "no orders arrive": "? no orders arrive" };
let tonightCity = "";

function listenToTonight() {
  if (!document.documentElement.dataset.live || !window.EventSource) return;
  const source = new EventSource("/api/v1/tonight/events");
  source.addEventListener("tonight", (event) => drawTonight(JSON.parse(event.data)));
  // Who serves the page alone has no tonight.
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) get("tonight").hidden = true; });
}

function drawTonight(now) {
  get("tonight").hidden = !now.day;
  if (!now.day) return;
  const made = now.data_source === "mock" ? "Simulated. " : "", cities = now.cities;
  const left = cities.filter((row) => row.status === "above" || row.status === "below");
  get("tonight-says").textContent = made + (cities.length
    ? `${dayText(now.day)}, forecast as of ${dayText(now.forecast_as_of)}: ${left.length ? `${named(left.map((row) => row.city))} ${left.length === 1 ? "has" : "have"} left the band.` : "every city is within its band."}`
    : now.status);
  table(get("tonight-table"), [
    { title: "City", value: (row) => row.city, show: (row) => row.city, kind: "text" },
    { title: "Match", value: (row) => row.matches, show: (row) => row.matches, kind: "text" },
    { title: "Orders so far", value: (row) => row.orders, show: (row) => count(row.orders), kind: "number" },
    { title: "Expected", value: (row) => row.expected, show: (row) => count(row.expected), kind: "number" },
    { title: "Band", value: (row) => row.low, show: (row) => `${count(row.low)} to ${count(row.high)}`, kind: "number" },
    { title: "Says", value: (row) => row.status, show: (row) => SAYS[row.status], kind: "" },
  ], cities, { sort: [0, 1], empty: "None." });
  const shown = left[0] || cities.find((row) => row.city === tonightCity) || cities[0];
  tonightCity = shown?.city ?? "";
  get("tonight-title").textContent = shown ? `${shown.city}: orders per hour, and expected` : "";
  const quarters = (shown?.quarters ?? []).map((row) => {
    const from = localClock(shown.city, Date.parse(row.start));
    return { from, to: from + 15 * MINUTE, orders: row.orders === null ? null : 4 * row.orders, expected: 4 * row.expected,
      hour: clockText(shown.city, Date.parse(row.start)), goals: "–", low: 4 * row.expected, high: 4 * row.expected };
  });
  const steps = quarters.length ? [...quarters, { ...quarters.at(-1), from: quarters.at(-1).to }] : [];
  drawOrSay("match", get("tonight-chart"), { rows: quarters.filter((row) => row.orders !== null),
    noise: steps, phases: [], goals: [] }, "No quarter hour of the evening is over yet.", {}, get("tonight-title").textContent);
}
