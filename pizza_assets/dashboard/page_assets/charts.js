// Vega views: made once, given new rows when the filter changes. Tooltips are built from text nodes.

const specs = JSON.parse(document.getElementById("charts").textContent);
const views = new Map();
const tip = document.getElementById("tip");
/** Containers below the screen as the page opens: their charts wait until those in sight are drawn. */
const waiting = new Set();
let drawTheRest;
const seen = new Promise((resolve) => { drawTheRest = resolve; });

/** Show what a mark says: its tooltip tells titles and the fields of its row. */
function showTip(_handler, event, item, titles) {
  if (!titles) { tip.hidden = true; return; }
  const list = document.createElement("dl");
  for (const [title, field] of Object.entries(JSON.parse(titles))) {
    const term = document.createElement("dt"), detail = document.createElement("dd");
    term.textContent = title;
    detail.textContent = item.datum[field] ?? "–";
    list.append(term, detail);
  }
  tip.replaceChildren(list);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18}px`;
}

/** Make a view. Its expressions are interpreted, for the page allows no eval. */
function newView(container, spec) {
  const runtime = vega.parse(spec, null, { ast: true });
  const view = new vega.View(runtime, { expr: vega.expressionInterpreter, renderer: "svg", container, logLevel: 1 });
  return view.tooltip(showTip).runAsync();
}

/**
 * Draw `name` in `container` with these data sets and signals. The first call makes the view, when the page opens
 * those in sight first; later ones only replace rows, which is quick. Calls for one container run one after another;
 * the promise is of the last.
 */
function draw(name, container, data, signals = {}, label = "") {
  let view = views.get(container);
  if (!view) {
    const spec = structuredClone(specs[name]);
    for (const source of spec.data) if (source.name in data) source.values = data[source.name];
    for (const signal of spec.signals || []) if (signal.name in signals) signal.value = signals[signal.name];
    spec.description = label;
    view = Promise.resolve()
      .then(() => { spec.width = Math.floor(container.clientWidth) || 600; }) // of all, before any changes the page
      .then(() => (waiting.has(container) ? seen : null))
      .then(() => newView(container, spec))
      .then((made) => { follow(container, made); return made; });
  } else {
    view = view.then((made) => {
      for (const [source, rows] of Object.entries(data)) made.data(source, rows);
      for (const [signal, value] of Object.entries(signals)) made.signal(signal, value);
      return made.description(label).resize().runAsync();
    });
  }
  views.set(container, view);
  return view;
}

/** Keep a view as wide as its container. */
function follow(container, view) {
  new ResizeObserver(() => {
    const width = Math.floor(container.clientWidth);
    if (width && Math.abs(view.width() - width) > 1) view.width(width).resize().run();
  }).observe(container);
}

/** Take a view away, also one that is still being made; resolves when it is gone. */
function discard(container) {
  const view = views.get(container);
  views.delete(container);
  container.replaceChildren();
  return view ? view.then((made) => made.finalize()) : Promise.resolve();
}

/** Show a sentence in place of a chart that has nothing to draw. */
function drawEmpty(container, sentence) {
  if (container.firstChild?.className === "empty") { container.firstChild.textContent = sentence; return; }
  const gone = discard(container);
  const text = document.createElement("p");
  text.className = "empty";
  text.textContent = sentence;
  container.append(text);
  gone.then(() => { if (!views.has(container)) container.replaceChildren(text); });
}

function drawOrSay(name, container, data, sentence, signals, label) {
  if (!data.rows.length) { drawEmpty(container, sentence); return null; }
  return draw(name, container, data, signals, label);
}

/**
 * Let the charts in sight be drawn first, and note when they are, and when all are, in milliseconds since the page was
 * opened. To be called when all charts were asked for.
 */
function drawInSightFirst() {
  const note = (name) => { document.documentElement.dataset[name] = String(Math.round(performance.now())); };
  for (const container of views.keys()) if (container.getBoundingClientRect().top >= innerHeight) waiting.add(container);
  const inSight = [...views].filter(([container]) => !waiting.has(container)).map(([, view]) => view);
  // A chart that fails does not keep the others back.
  Promise.allSettled(inSight).then(() => { note("seen"); setTimeout(drawTheRest); });
  Promise.all(views.values()).then(() => note("drawn"));
}
