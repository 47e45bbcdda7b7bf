"use strict";

/** Rows up to which there is nothing to sort. */
const FEWEST = 4;
const COLLATOR = new Intl.Collator("en", { numeric: true });

/** A table that sorts by a click on its head, filters by text and shows a page at a time.
 *
 * columns: titles, or {title, numeric, show}, where show(value, row) gives what a cell contains;
 * rows: lists of values. */
function grid(label, columns, rows, { size = 25, filter = rows.length > size } = {}) {
  const heads = columns.map((column) => (typeof column === "string" ? { title: column } : column));
  for (const [place, head] of heads.entries()) {
    head.numeric ??= isNumeric(rows.map((row) => row[place]));
    head.show ??= (value) => (value === null ? "–" : String(value));
  }
  let shown = rows, page = 0, order = { place: -1, down: false };

  const body = el("tbody");
  const cells = heads.map((head, place) => {
    const title = Format.words(head.title);
    const sorts = el("button", { type: "button", onclick: () => sort(place) }, title);
    return el("th", { scope: "col", class: head.numeric ? "number" : null }, rows.length > FEWEST ? sorts : title);
  });
  const range = el("span", { role: "status" });
  const back = el("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const next = el("button", { type: "button", onclick: () => turn(1) }, "Next");
  const pager = el("div", { class: "pager" }, back, range, next);
  const field = el("input", { type: "search", oninput: () => choose() });

  function sort(place) {
    order = { place, down: order.place === place && !order.down };
    for (const [number, cell] of cells.entries()) {
      if (number === place) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    choose();
  }

  function choose() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = rows.filter((row) => {
      const text = words.length ? row.join(" ").toLowerCase() : "";
      return words.every((word) => text.includes(word));
    });
    if (order.place >= 0) {
      const { place, down } = order, numeric = heads[place].numeric;
      const compare = (a, b) => (numeric ? difference(a, b) : COLLATOR.compare(a, b));
      shown.sort((a, b) => compare(a[place], b[place]) * (down ? -1 : 1));
    }
    page = 0;
    draw();
  }

  function turn(step) {
    page += step;
    draw();
  }

  function draw() {
    const first = page * size, last = Math.min(first + size, shown.length);
    body.replaceChildren(...shown.slice(first, last).map((row) =>
      el("tr", {}, heads.map((head, place) =>
        el("td", { class: head.numeric ? "number" : null }, head.show(row[place], row))))));
    range.textContent = shown.length
      ? `${NUMBER.format(first + 1)}–${NUMBER.format(last)} of ${NUMBER.format(shown.length)}`
      : "Nothing found";
    back.disabled = page === 0;
    next.disabled = last >= shown.length;
    pager.hidden = rows.length <= size;
  }

  choose();
  return el("div", { class: "grid" },
    filter ? el("label", { class: "filter" }, "Filter ", field) : null,
    wide(label, el("table", {}, el("caption", { class: "hidden" }, label), el("thead", {}, el("tr", {}, cells)), body)),
    pager);
}

/** Whether a column holds numbers, some of which may be missing. */
function isNumeric(values) {
  const known = values.filter((value) => value !== null && value !== "");
  return known.length > 0 && known.every((value) =>
    typeof value === "number" || (typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))));
}

/** Order of two values of a numeric column; missing ones stand first. */
function difference(a, b) {
  const [left, right] = [a, b].map((value) => (value === "" || value === null ? -Infinity : Number(value)));
  return left === right ? 0 : left - right;
}
