"use strict";

const GROUPS = {
  measured: "Measured in this run",
  difference: "Differences, measured in this run",
  "share of the gap": "Share of the gap closed, measured in this run",
  published: "Published, not measured here",
};
/** Rows of a group above which the rest waits for a click. */
const FEW = 12;

/** The section of tables: measured and published rows under the same heads. */
function showTables(tables, section) {
  section.append(el("p", { class: "jump" }, tables.map((table) =>
    [el("a", { href: `#table-${table.name}` }, Format.words(table.name)), " "])));
  section.append(...tables.map(tableArticle));
}

function tableArticle(table) {
  const id = `table-${table.name}`;
  return el("article", { id, "aria-labelledby": `${id}-title` },
    el("h3", { id: `${id}-title` }, Format.words(table.name)),
    table.caption ? el("p", {}, table.caption) : null,
    table.published && table.note ? el("p", { class: "note" }, table.note) : null,
    table.conditions.length
      ? el("p", { class: "small" }, `All measured rows: ${table.conditions.join("; ")}.`) : null,
    table.panels.map((panel, number) => tablePanel(table, panel, number)));
}

function tablePanel(table, panel, number) {
  const counted = panel.groups.some((group) => group.rows.some((row) => row.n));
  const heads = ["Method", ...panel.metrics.map(Format.words), ...(counted ? ["n"] : [])];
  const label = `Table ${Format.words(table.name)}${number ? `, part ${number + 1}` : ""}`;
  return wide(label, el("table", { class: "numbers" },
    el("caption", { class: "hidden" }, label),
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    panel.groups.map((group) => tableGroup(table, panel, group, counted))));
}

function tableGroup(table, panel, group, counted) {
  const width = 1 + panel.metrics.length + counted;
  const published = group.title === "published";
  const rows = group.rows.map((row) => el("tr", {},
    el("th", { scope: "row" }, Format.method(row.method),
      row.setting ? el("span", { class: "setting" }, row.setting) : null),
    row.cells.map((text, place) => el("td", {},
      published || text === "–" || !table.job ? Format.grouped(text) : cellLink(table, row, panel.metrics[place], text))),
    counted ? el("td", {}, row.n) : null));
  const body = el("tbody", { class: published ? "published" : null },
    el("tr", { class: "group" }, el("th", { scope: "rowgroup", colspan: width }, el("span", {}, GROUPS[group.title]))),
    rows);
  if (rows.length > FEW + 3) {
    const rest = rows.slice(FEW);
    rest.forEach((row) => { row.hidden = true; });
    const last = el("tr", { class: "more" }, el("td", { colspan: width }, el("button", { type: "button", onclick() {
      rest.forEach((row) => { row.hidden = false; });
      last.remove();
      rest[0].querySelector("a")?.focus();
    } }, `Show ${rest.length} more rows`)));
    body.append(last);
  }
  return body;
}

function cellLink(table, row, metric, text) {
  const [value, error] = text.split(" ± ");
  const place = [table.name, row.method, row.setting, metric].map(encodeURIComponent).join("/");
  return el("a", {
    href: `#chain/${place}`,
    "aria-label": `${text}, ${Format.words(metric)} of ${Format.method(row.method)}: where it comes from`,
  }, Format.grouped(value), error ? el("span", { class: "error" }, ` ± ${error}`) : null);
}
