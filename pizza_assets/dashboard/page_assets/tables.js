// Tables that sort by a click on their heading. Cells are text nodes: what comes from data stays text.

const ROWS_AT_FIRST = 12;
const sortOrder = new Map(); // by table id: [column, direction]
const showsAll = new Set();

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A button that shows all rows of a list from now on. */
function moreButton(id, n, again) {
  const more = element("button", `Show all ${count(n)}`, "quiet more");
  more.type = "button";
  more.addEventListener("click", () => { showsAll.add(id); again(); });
  return more;
}

/** Compare numbers as numbers and texts as texts; missing values go last either way. */
function compare(a, b, direction) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined) return -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return direction * order;
}

/**
 * Fill `container` with a table. A column is {title, value(row), show(row), kind: "number" | "text" | "", cell(row)}:
 * it sorts by `value`, shows `show`, or builds its own node with `cell`.
 */
function table(container, columns, rows, options) {
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  if (!rows.length) {
    container.replaceChildren(element("p", options.empty, "empty"));
    return;
  }
  const [by, direction] = sortOrder.get(container.id) || options.sort;
  const sorted = [...rows].sort((a, b) => compare(columns[by].value(a), columns[by].value(b), direction));
  const isAll = showsAll.has(container.id) || sorted.length <= ROWS_AT_FIRST + 3;
  const shown = isAll ? sorted : sorted.slice(0, ROWS_AT_FIRST);
  const again = () => table(container, columns, rows, options);

  const head = element("tr");
  columns.forEach((column, i) => {
    const cell = element("th", undefined, column.kind), button = element("button", column.title);
    cell.scope = "col";
    button.type = "button";
    button.dataset.key = `sort-${i}`;
    if (i === by) cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    button.addEventListener("click", () => {
      sortOrder.set(container.id, [i, i === by ? -direction : column.kind === "number" && !column.rises ? -1 : 1]);
      again();
    });
    cell.append(button);
    head.append(cell);
  });
  const body = element("tbody");
  for (const row of shown) {
    const line = element("tr");
    if (options.isChosen && options.isChosen(row)) line.className = "chosen";
    for (const column of columns) {
      const cell = element("td", column.cell ? undefined : column.show(row), column.kind);
      cell.dataset.title = column.title;
      if (column.cell) cell.append(column.cell(row));
      line.append(cell);
    }
    body.append(line);
  }
  const made = element("table"), header = element("thead");
  header.append(head);
  made.append(header, body);
  const parts = [made];
  if (!isAll) parts.push(moreButton(container.id, sorted.length, again));
  container.replaceChildren(...parts);
  if (focused) container.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}
