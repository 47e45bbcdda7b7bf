"use strict";

/** Pixels around the graph, and the zoom below which its text is too small to read. */
const PADDING = 16, LEGIBLE = 0.5;

/** The graph of rules. `choose` is called with a rule's name when its node is clicked.
 *
 * Returns {mark, tools}: mark(rules, focus) lights up some rules and the arrows among them and shows
 * them, or as much of them around the rule `focus` as can be read; without arguments it shows all. The list of rules under the graph is its alternative for keyboards and screen readers. */
function drawGraph(box, rules, edges, choose) {
  const most = Math.max(...rules.map((rule) => rule.cpu_seconds), 1e-9);
  const nodes = rules.map((rule) => {
    const lines = nodeLines(rule), cost = Math.sqrt(rule.cpu_seconds / most);
    return { data: { id: rule.rule, label: lines.join("\n"), height: lines.length > 2 ? 52 : 38, cost } };
  });
  const arrows = reduced(edges).map(([source, target]) => ({ data: { id: `${source}>${target}`, source, target } }));
  const graph = cytoscape({
    container: box,
    elements: [...nodes, ...arrows],
    style: graphStyle(),
    layout: { name: "dagre", rankDir: "LR", nodeSep: 8, edgeSep: 4, rankSep: 30, fit: false },
    minZoom: 0.2,
    maxZoom: 2,
    autoungrabify: true,
    boxSelectionEnabled: false,
  });
  const show = (elements, first) => {
    graph.fit(elements, PADDING);
    if (graph.zoom() >= LEGIBLE) return;
    graph.zoom(LEGIBLE);
    graph.center(first);
  };
  const zoom = (factor) => graph.zoom({
    level: graph.zoom() * factor,
    renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 },
  });

  graph.on("tap", "node", (event) => choose(event.target.id()));
  graph.on("mouseover", "node", () => { box.style.cursor = "pointer"; });
  graph.on("mouseout", "node", () => { box.style.cursor = ""; });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => graph.style(graphStyle()));
  // The wheel scrolls the page; with Ctrl, or a pinch, it zooms the graph.
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  }, { capture: true });

  const tool = (text, label, onclick) => el("button", { type: "button", "aria-label": label, onclick }, text);
  const tools = el("div", { class: "tools" },
    tool("+", "Zoom in", () => zoom(1.3)),
    tool("−", "Zoom out", () => zoom(1 / 1.3)),
    tool("Fit", "Show the whole graph", () => graph.fit(undefined, PADDING)));

  return {
    tools,
    mark(names, focus) {
      graph.elements().removeClass("lit dim focus");
      if (!names) {
        show(graph.elements(), graph.nodes().roots());
        return;
      }
      const lit = graph.nodes().filter((node) => names.has(node.id()));
      const all = lit.union(lit.edgesWith(lit));
      graph.elements().difference(all).addClass("dim");
      all.addClass("lit");
      show(lit, graph.getElementById(focus).addClass("focus"));
    },
  };
}

/** A rule's name and its number of jobs in lines that fit into a node. */
function nodeLines({ rule, jobs }) {
  const parts = rule.split(/(?<=_)/);
  if (jobs > 1) parts.push(` × ${NUMBER.format(jobs)}`);
  const lines = [""];
  for (const part of parts) {
    if (lines.at(-1) && (lines.at(-1) + part).length > 14) lines.push(part);
    else lines.push(lines.pop() + part);
  }
  return lines.map((line) => line.trim());
}

/** Arrows without those that a longer way implies: the records name all, a drawing gets lighter. */
function reduced(edges) {
  const next = new Map();
  for (const [source, target] of edges) next.set(source, [...(next.get(source) ?? []), target]);
  const reach = new Map();
  const behind = (node, path = new Set()) => {
    if (reach.has(node) || path.has(node)) return reach.get(node) ?? new Set();
    path.add(node);
    const found = new Set();
    for (const one of next.get(node) ?? []) {
      found.add(one);
      for (const other of behind(one, path)) found.add(other);
    }
    reach.set(node, found);
    return found;
  };
  return edges.filter(([source, target]) =>
    !next.get(source).some((one) => one !== target && behind(one).has(target)));
}

/** The graph's colours are those of the page. */
function graphStyle() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return [
    { selector: "node", style: {
      shape: "round-rectangle", width: 112, height: "data(height)", label: "data(label)", color: colour("ink"),
      "font-family": "system-ui, sans-serif", "font-size": 13, "line-height": 1.15,
      "text-wrap": "wrap", "text-valign": "center",
      "background-color": `mapData(cost, 0, 1, ${colour("paper")}, ${colour("cost")})`, "border-width": 1, "border-color": colour("line-strong"),
    } },
    { selector: "edge", style: {
      width: 1.2, "line-color": colour("line-strong"), "target-arrow-color": colour("line-strong"),
      "target-arrow-shape": "triangle", "arrow-scale": 0.8,
      "curve-style": "round-taxi", "taxi-direction": "rightward", "taxi-turn": -15, "taxi-radius": 8,
      "source-endpoint": "90deg", "target-endpoint": "270deg",
    } },
    { selector: "node.lit", style: { "border-color": colour("accent"), "border-width": 1.5 } },
    { selector: "edge.lit", style: { "line-color": colour("accent"), "target-arrow-color": colour("accent"), width: 1.8 } },
    { selector: "node.focus", style: { "border-width": 3.5 } },
    { selector: ".dim", style: { opacity: 0.22 } },
  ];
}
