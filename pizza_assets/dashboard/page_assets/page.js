// The page: state in the address, controls, and drawing everything for a filter.

let story;

function show() {
  story = storyOf(state);
  for (const name of ["team", "type", "source", "from", "to"]) get(name).value = state[name];
  drawStory(story);
  drawHours(story);
  drawClubs(story);
  drawNations(story);
  drawKickOffs(story);
  drawMatch();
  drawComing();
  drawMore(story);
}

function go(change) {
  const next = { ...state, ...change };
  if (next.match && !("match" in change) && !matchesIn(next).some((row) => row.match_id === next.match)) next.match = "";
  const hash = hashOf(next);
  if (hash === hashOf(state)) return;
  state = next;
  history.pushState(null, "", `#${hash}`);
  show();
}

function fillSelect(id, values, all) {
  const options = values.map((value) => new Option(value, value));
  get(id).replaceChildren(...(all ? [new Option(all, "")] : []), ...options);
}

function start() {
  fillSelect("team", choices.team, "All clubs");
  fillSelect("type", choices.type, "All matches");
  fillSelect("source", choices.source, choices.source.length ? "" : "none");
  for (const option of get("type").options) if (option.value) option.textContent = TYPES[option.value][1];
  for (const option of get("source").options) if (option.value === "mock") option.textContent = "simulated";
  get("filter").open = matchMedia("(min-width: 821px)").matches || Boolean(location.hash);
  for (const name of ["from", "to"]) {
    if (!meta) continue;
    get(name).min = meta.data_from;
    get(name).max = meta.data_until;
  }
  get("filters").addEventListener("change", (event) => go({ [event.target.name]: event.target.value }));
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("reset").addEventListener("click", () => go({ team: "", type: "", from: "", to: "", match: "", source: choices.source[0] || "" }));
  for (const [id, step] of [["previous", -1], ["next", 1]]) {
    get(id).addEventListener("click", () => { const order = matchOrder(); go({ match: order[order.indexOf(state.match) + step] }); });
  }
  get("close").addEventListener("click", () => go({ match: "" }));
  listenToSections(() => story);
  get("skip").addEventListener("click", (event) => { event.preventDefault(); get("figures").focus(); });
  get("theme").addEventListener("click", () => {
    const root = document.documentElement, isDark = getComputedStyle(root).colorScheme === "dark" ||
      (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = isDark ? "light" : "dark";
    themeButton();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeButton);
  addEventListener("popstate", () => { state = stateOf(location.hash); show(); });
  addEventListener("hashchange", () => { if (hashOf(state) !== hashOf(stateOf(location.hash))) { state = stateOf(location.hash); show(); } });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && state.match) go({ match: "" }); });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  banner();
  get("planted").textContent = planted();
  themeButton();
  show();
  get("foot").textContent = meta
    ? `${dayText(meta.data_from)} to ${dayText(meta.data_until)}: ${plural(meta.orders, "order", "orders")}, ${plural(meta.matches, "match", "matches")}. Written ${dayText(meta.built_at.slice(0, 10))}. One file, no network.`
    : "";
  drawInSightFirst();
  listenToTonight();
  if (document.documentElement.dataset.live) setInterval(reloadWhenChanged, 2000);
}

function themeButton() {
  const theme = document.documentElement.dataset.theme;
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  get("theme").textContent = isDark ? "Light" : "Dark";
  get("theme").setAttribute("aria-pressed", String(isDark));
}

async function reloadWhenChanged() {
  const answer = await fetch("/version", { cache: "no-store" }).catch(() => null);
  if (answer?.ok && (await answer.text()) !== document.documentElement.dataset.live) location.reload();
}

start();
