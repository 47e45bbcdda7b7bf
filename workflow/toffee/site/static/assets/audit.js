"use strict";

const VERDICTS = {
  __proto__: null,
  clean: "Every file is what its record says, and every record is what the next one read.",
  schema: "Records are missing or do not have the form of a record.",
  bytes: "Files do not have the bytes that their records say.",
  graph: "Jobs did not read what the jobs before them wrote.",
};

/** The audit's verdict in the head of the page. */
function verdictLine(audit) {
  const [kind, text] = !audit ? ["none", "not audited"]
    : audit.verdict === "clean" ? ["good", "clean"] : ["bad", `${audit.verdict}, ${audit.summary}`];
  return el("a", { class: `verdict ${kind}`, href: "#audit" }, `Audit: ${text}`);
}

/** The section of the audit, and records that could not be used. */
function showAudit({ audit, run, scale }, section) {
  if (audit) {
    const late = run.end && new Date(run.end) > new Date(audit.time);
    section.append(
      el("p", {}, el("span", { class: `verdict ${audit.verdict === "clean" ? "good" : "bad"}` }, audit.verdict),
        ` ${audit.summary}, ${Format.time(audit.time)}. ${VERDICTS[audit.verdict] ?? ""}`),
      late ? el("p", { class: "note" }, `Jobs ended after this audit, the last on ${Format.time(run.end)}: audit again.`) : "",
      audit.findings.rows.length ? grid("Findings of the audit", audit.findings.columns, audit.findings.rows) : "");
  } else {
    section.append(el("p", {}, "No audit was made when this page was written. ", el("code", {}, "snakemake audit"), " or ",
      el("code", {}, `toffee audit ${run.root || `results/${scale}`}`), " reads every file again and compares it with the records."));
  }
  const left = Object.entries(run.left).map(([rule, count]) => `${count} × ${rule}`);
  if (left.length) {
    section.append(el("p", { class: "note" },
      `In this folder too, but nothing that this page shows was made from it, so it is not counted: ${left.join(", ")}.`));
  }
  if (run.problems.rows.length) {
    section.append(el("h3", {}, "Records that do not hold"),
      el("p", {}, "Found while this page was written. What such a record says is shown where it could be read."),
      grid("Records that do not hold", run.problems.columns, run.problems.rows));
  }
}
