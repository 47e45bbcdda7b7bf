"use strict";

/** Facts of the whole run, for the head of the page. */
function runFacts({ run, rules }) {
  const [commit, changed] = run.commits[0] ?? [];
  const others = run.commits.length - 1;
  return [
    ["Jobs", `${NUMBER.format(run.jobs)} of ${Format.count(rules.length, "rule")}`],
    ["CPU time", Format.seconds(run.cpu_seconds)],
    ["GPU time", run.gpu_seconds ? Format.seconds(run.gpu_seconds) : null],
    ["First job", Format.time(run.start)],
    ["Last job", Format.time(run.end)],
    ["Devices", run.devices.join(", ")],
    ["Commit", commit && [digest(commit, "the commit"), changed ? " with changes" : "", others > 0 ? ` and ${others} other${others > 1 ? "s" : ""}` : ""]],
  ];
}

/** Show a section whose data is large: it is loaded once the rest of the page can be used. */
async function fill(id, key, show) {
  const section = byId(id);
  try {
    show(await Store.get(key), section);
  } catch (error) {
    section.append(el("p", { class: "note" }, `${error.message}.`));
  }
}

async function start() {
  const site = Store.now("site");
  document.title = `Toffee, scale ${site.scale}: results and where they come from`;
  byId("scale").textContent = site.scale;
  byId("facts").replaceWith(terms(runFacts(site), { id: "facts", class: "facts" }));
  byId("verdict").append(verdictLine(site.audit));
  byId("written").textContent = Format.time(site.written);
  showTables(site.tables, byId("tables"));
  showFigures(site.figures, byId("figures"));
  showAudit(site, byId("audit"));
  await showWorkflow(site, byId("workflow"));
  // Tests measure the time until here.
  document.documentElement.dataset.ready = Math.round(performance.now());
  await fill("dataset", "wall", showWall);
  await fill("ledger", "ledger", ({ columns, rows }, section) => {
    section.append(el("p", {}, Format.count(rows.length, "row"), "."), grid("Ledger", columns, rows));
  });
  // What came in has moved the section that the address names.
  document.getElementById(decode(location.hash.slice(1)))?.scrollIntoView();
}

start();
