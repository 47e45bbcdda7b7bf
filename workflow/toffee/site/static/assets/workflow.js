"use strict";

/** The workflow: the graph of rules, and under it what the address chose (`#rule/…`, `#job/…`,
 * `#chain/…`): all rules, the jobs of one, the record of a job, or what stands behind a number. */
function showWorkflow(site, section) {
  const rules = new Map(site.rules.map((rule) => [rule.rule, rule]));
  const box = el("div", { class: "graph", role: "img", "aria-label":
    `Graph of ${Format.count(rules.size, "rule")}; the same rules are listed below` });
  const panel = el("div", { id: "inspector", class: "inspector", "aria-live": "off" });
  const legend = el("p", { class: "small" },
    "The stronger the colour of a node, the more CPU time its jobs took. Arrows that a longer way implies are not drawn. ",
    "Drag to move; Ctrl and the wheel, or a pinch, to zoom.");
  const frame = el("div", { class: "frame" }, box);
  section.append(frame, legend, panel);
  const graph = drawGraph(box, site.rules, site.edges, (rule) => { location.hash = ruleLink(rule); });
  frame.append(graph.tools);

  // Without a prototype, so that an address cannot name what is no view.
  const views = { __proto__: null, rule: showRule, job: showJob, chain: showChain };

  async function follow(moved) {
    const [view, ...parts] = location.hash.slice(1).split("/").map(decode);
    if (!views[view]) {
      // Addresses of sections leave the panel as it is.
      if (!panel.hasChildNodes() || location.hash === "#rules") place(overview(), moved);
      return;
    }
    const address = location.hash;
    panel.setAttribute("aria-busy", "true");
    const shown = await views[view](...parts).catch(unknown);
    // Who has gone on meanwhile wants to see that.
    if (location.hash !== address) return;
    panel.removeAttribute("aria-busy");
    place(shown, true);
  }

  function place({ title, trail = [], body, marked, focus, top }, moved) {
    const heading = el("h3", { tabindex: -1 }, title);
    panel.replaceChildren(...trails(trail), heading, ...body.filter((one) => one !== null));
    graph.mark(marked, focus);
    if (!moved) return;
    (top ? frame : panel).scrollIntoView({ block: "start" });
    heading.focus({ preventScroll: true });
  }

  function overview() {
    const link = (name) => el("a", { href: ruleLink(name) }, name);
    const columns = [{ title: "rule", show: link }, { title: "jobs", show: Format.number }, ...COSTS.slice(0, 3)];
    const rows = site.rules.map((rule) => [rule.rule, rule.jobs, rule.seconds, rule.cpu_seconds, rule.gpu_seconds]);
    return { title: "All rules", body: [grid("All rules", columns, rows, { size: 100, filter: false })] };
  }

  function around(name) {
    const near = site.edges.filter(([source, target]) => source === name || target === name);
    return new Set([name, ...near.flatMap(([source, target]) => [source, target])]);
  }

  async function showRule(name) {
    const rule = known(rules.get(name), `rule ${name}`);
    const { wildcards, rows } = await Store.get(`jobs/${name}`);
    const link = (text, row) => el("a", { href: jobLink(`${name}/${row.at(-1)}`) }, text);
    const heads = wildcards.map((title) => ({ title, numeric: false, show: link }));
    if (!wildcards.length) heads.push({ title: "job", show: (text, row) => link(name, row) });
    const numbered = rows.map((row, number) => [...(wildcards.length ? row : ["", ...row]), number]);
    const columns = [...heads, { title: "start", show: Format.time }, ...COSTS, { title: "attempt" }];
    return {
      title: name,
      trail: [],
      body: [
        el("p", {}, `${Format.count(rule.jobs, "job")}, ${Format.seconds(rule.cpu_seconds)} of CPU time.`),
        neighbourRules(name),
        grid(`Jobs of ${name}`, columns, numbered),
      ],
      marked: around(name),
      focus: name,
      top: true,
    };
  }

  function neighbourRules(name) {
    const links = (names) => names.map((one, place) => [place ? ", " : "", el("a", { href: ruleLink(one) }, one)]);
    const before = site.edges.filter(([, target]) => target === name).map(([source]) => source);
    const after = site.edges.filter(([source]) => source === name).map(([, target]) => target);
    return terms([
      ["Reads from", before.length ? links(before) : "no rule: only files that no job wrote"],
      ["Read by", after.length ? links(after) : "no rule"],
    ], { class: "pairs" });
  }

  async function showJob(rule, number) {
    known(rules.get(rule), `rule ${rule}`);
    const { chunks, rows } = await Store.get(`jobs/${rule}`);
    known(rows[number], `job ${rule} ${number}`);
    const chunk = chunks.findLastIndex((start) => start <= number);
    const { records, modules } = await Store.get(`jobs/${rule}.${chunk}`);
    const record = known(records[number - chunks[chunk]], `job ${rule} ${number}`);
    return {
      title: [rule, " ", el("span", { class: "wildcards" }, Object.values(record.wildcards).join(", "))],
      trail: [[rule, ruleLink(rule)]],
      body: recordView(site.run, rule, record, modules[record.modules]),
      marked: around(rule),
      focus: rule,
    };
  }

  async function showChain(name, method, setting, metric) {
    const table = known(site.tables.find((one) => one.name === name), `table ${name}`);
    const chain = known(await Store.get(`chains/${name}`), `job behind table ${name}`);
    return {
      title: `Where ${Format.words(metric)} of ${Format.method(method)} comes from`,
      trail: [[`Table ${Format.words(name)}`, `#table-${name}`]],
      body: chainView(site.run, chain, { text: cellText(table, method, setting, metric), method, setting }),
      marked: new Set(chain.steps.map((step) => step.rule)),
      focus: chain.steps[0].rule,
      top: true,
    };
  }

  addEventListener("hashchange", () => follow(location.hash === "#rules"));
  return follow(false);
}

const COSTS = [["wall time", Format.seconds], ["CPU time", Format.seconds], ["GPU time", (s) => (s ? Format.seconds(s) : "–")],
  ["peak memory", (mb) => Format.bytes(mb * 1e6)]].map(([title, show]) => ({ title, show, numeric: true }));

const ruleLink = (rule) => `#rule/${rule}`;
const jobLink = (job) => `#job/${job}`;

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function known(value, what) {
  if (value === undefined || value === null) throw new Error(`there is no ${what} on this page`);
  return value;
}

function unknown(error) {
  return { title: "Not found", body: [el("p", {}, `Nothing to show: ${error.message}.`)] };
}

function trails(steps) {
  const links = [["All rules", "#rules"], ...steps].map(([text, href]) => el("li", {}, el("a", { href }, text)));
  return [el("nav", { class: "trail", "aria-label": "Way back" }, el("ol", {}, links))];
}

/** A path below the results folder as it is said on the page. */
function below(root, path) {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null;
}

function pathOf(run, path) {
  const inside = below(run.root, path);
  // What the run removes once it is read may be gone.
  if (inside !== null && run.temporary && inside.startsWith(run.temporary)) {
    return el("span", {}, el("code", {}, path), " (temporary)");
  }
  return inside === null ? el("code", {}, path) : fileLink(inside, path);
}

function jobName(rule, wildcards) {
  return [rule, ...wildcards].join(" ");
}

/** All of a record. */
function recordView(run, rule, record, modules) {
  const { git, environment } = record;
  const commit = git.commit
    ? [digest(git.commit, "the commit"), git.changed ? " with changes to its files" : ""]
    : "not known: it did not run from a git checkout";
  const files = [{ title: "as" }, { title: "path", show: (path) => pathOf(run, path) },
    { title: "SHA-256", show: (value, row) => digest(value, row[1]) }, { title: "size", numeric: true, show: Format.bytes }];
  const inputs = [...files, { title: "written by", show: (job) => (job ? el("a", { href: jobLink(job) }, job.split("/")[0]) : "no job") }];
  const params = Object.entries(record.params).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  return [
    terms([
      ["Started", Format.time(record.start)], ["Ended", Format.time(record.end)],
      ["Wall time", Format.seconds(record.seconds)], ["CPU time", Format.seconds(record.cpu_seconds)],
      ["GPU time", record.gpu_seconds ? Format.seconds(record.gpu_seconds) : null],
      ["Peak memory", Format.bytes(record.peak_memory_mb * 1e6)],
      ["Device", record.device], ["Threads", String(record.threads)],
      ["Seed", record.seed === null ? null : String(record.seed)], ["SLURM job", record.slurm_job_id],
      ["Attempt", record.attempt === 1 ? "the first" : `number ${record.attempt}, after ${Format.count(record.earlier.length, "failure")}`],
    ], { class: "facts" }),
    el("h4", {}, "Parameters"),
    params.length ? grid(`Parameters of ${rule}`, ["name", { title: "value", show: (text) => el("code", { class: "value" }, text) }], params) : el("p", {}, "None."),
    el("h4", {}, "Inputs"),
    record.inputs.length ? grid("Inputs", inputs, record.inputs, { size: 15 }) : el("p", {}, "None: made from the parameters."),
    el("h4", {}, "Outputs"),
    grid("Outputs", files, record.outputs, { size: 15 }),
    record.outputs.filter((output) => output[4]).map((output) => folderView(run, output)),
    el("h4", {}, "Code and environment"),
    terms([
      ["Commit", commit], ["Code", digest(record.code, "the code")], ["Environment lock", digest(environment.lock, "the lock")],
      ["Python", environment.python], ["Machine", environment.machine],
      ["Record", [fileLink(record.record), " ", digest(record.sha256, "the record")]],
      ["Log", pathOf(run, record.log)], ["Configuration", fileLink(record.config)],
    ], { class: "pairs" }),
    el("details", {}, el("summary", {}, Format.count(modules.length, "module"), " of the project that it ran"),
      grid("Modules", ["file", { title: "digest of its meaning", show: (text) => el("code", {}, text) }], modules)),
    record.earlier.length ? earlierView(record.earlier) : null,
    el("h4", {}, "Jobs before it"), neighbourList(record.before, "none: it reads only files that no job wrote"),
    el("h4", {}, "Jobs after it"), neighbourList(record.after, "none yet"),
  ].flat();
}

function folderView(run, [, path, , , files, count]) {
  const rest = count - files.length;
  const columns = ["file", { title: "SHA-256", show: (value, row) => digest(value, row[0]) }, { title: "size", numeric: true, show: Format.bytes }];
  return el("details", {}, el("summary", {}, Format.count(count, "file"), " in ", el("code", {}, path)),
    grid(`Files in ${path}`, columns, files, { size: 15, filter: false }),
    rest > 0 ? el("p", { class: "small" }, `${Format.count(rest, "more file")} of the folder stand in the record's file.`) : null);
}

function earlierView(attempts) {
  const rows = attempts.map((one) => [one.start, one.seconds ?? null, one.cpu_seconds ?? null]);
  const seconds = (s) => (s === null ? "killed: not known" : Format.seconds(s));
  return el("details", {}, el("summary", {}, "Earlier attempts"), grid("Earlier attempts",
    [{ title: "start", show: Format.time }, { title: "wall time", show: seconds }, { title: "CPU time", show: seconds }], rows));
}

function neighbourList(groups, none) {
  if (!groups.length) return el("p", {}, `${none[0].toUpperCase()}${none.slice(1)}.`);
  return el("ul", { class: "neighbours" }, groups.map(({ rule, count, jobs }) => {
    if (count === 1) return el("li", {}, el("a", { href: jobLink(jobs[0][0]) }, jobName(rule, jobs[0][1])));
    const links = jobs.map(([id, wildcards]) => [el("a", { href: jobLink(id) }, wildcards.join(" ") || rule), " "]);
    return el("li", {}, el("a", { href: ruleLink(rule) }, rule), `, ${Format.count(count, "job")}: `, links,
      count > jobs.length ? `and ${NUMBER.format(count - jobs.length)} more` : null);
  }));
}

function cellText(table, method, setting, metric) {
  for (const panel of table.panels) {
    const place = panel.metrics.indexOf(metric);
    for (const group of place < 0 ? [] : panel.groups) {
      const row = group.rows.find((one) => one.method === method && one.setting === setting);
      if (row && group.title !== "published") return row.cells[place];
    }
  }
  return null;
}

/** What stands behind a table, from its own job back to what no job wrote. */
function chainView(run, chain, { text, method, setting }) {
  const count = chain.steps.reduce((sum, step) => sum + step.count, 0);
  const sources = [{ title: "path", show: (path) => el("code", {}, path) }, { title: "SHA-256", show: (value, row) => digest(value, row[0]) },
    { title: "size", numeric: true, show: Format.bytes }];
  return [
    el("p", { class: "number-said" }, el("strong", {}, text ?? "–"), setting ? ` ${setting}` : ""),
    el("p", {}, "The number stands in ", pathOf(run, chain.path), `. Behind that file are ${Format.count(count, "job")} of `,
      `${Format.count(chain.steps.length, "rule")}, here from the last back to the first, and ${Format.count(chain.sources.length, "file")} that no job wrote. `,
      "Jobs whose wildcards name the row's method are marked."),
    el("ol", { class: "chain" }, chain.steps.map((step) => chainStep(run, step, method))),
    el("details", {}, el("summary", {}, `${Format.count(chain.sources.length, "file")} that no job wrote`),
      grid("Files that no job wrote", sources, chain.sources)),
  ];
}

/** Jobs of a step that are shown before a click. */
const FIRST = 3;

function chainStep(run, { rule, count, jobs }, method) {
  const own = (job) => job[1].includes(method);
  const sorted = [...jobs.filter(own), ...jobs.filter((job) => !own(job))];
  const items = sorted.map((job) => el("li", { class: own(job) ? "own" : null },
    el("a", { href: jobLink(job[0]) }, job[1].join(" ") || "its job"),
    el("ul", {}, job[2].map(([path, sha]) => el("li", {}, pathOf(run, path), " ", digest(sha, path))))));
  const rest = items.slice(FIRST);
  const hidden = count - jobs.length;
  return el("li", {},
    el("a", { class: "rule", href: ruleLink(rule) }, rule), ` ${Format.count(count, "job")}`,
    el("ul", {}, items.slice(0, FIRST)),
    rest.length ? el("details", {}, el("summary", {}, `${NUMBER.format(count - FIRST)} more`), el("ul", {}, rest),
      hidden > 0 ? el("p", { class: "small" }, `${NUMBER.format(hidden)} more are in the `, el("a", { href: ruleLink(rule) }, "list of the rule"), ".") : null) : null);
}
