"use strict";

/** The graph of rules. `choose` is called with a rule's name when its node is clicked.
 *
 * Returns {mark}: mark(rules, focus) lights up some rules and the arrows among them, all without
 * arguments. The list of rules under the graph is its alternative for keyboards and screen readers. */
function drawGraph(box, rules, edges, choose) {
  const most = Math.max(...rules.map((rule) => rule.cpu_seconds), 1e-9);
  const nodes = rules.map((rule) => ({ data: {
    id: rule.rule,
    label: `${rule.rule}\n${Format.count(rule.jobs, "job")} · ${Format.seconds(rule.cpu_seconds)}`,
    cost: Math.sqrt(rule.cpu_seconds / most),
  } }));
  const arrows = reduced(edges).map(([source, target]) => ({ data: { id: `${source}>${target}`, source, target } }));
  const graph = cytoscape({
    container: box,
    elements: [...nodes, ...arrows],
    style: graphStyle(),
    layout: { name: "dagre", rankDir: "LR", nodeSep: 10, rankSep: 46, fit: true, padding: 16 },
    minZoom: 0.2,
    maxZoom: 2,
    autoungrabify: true,
    boxSelectionEnabled: false,
  });
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const fit = (elements) => {
    const view = { fit: { eles: elements, padding: 16 } };
    if (still.matches) graph.fit(elements, 16);
    else graph.stop().animate(view, { duration: 300 });
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
    tool("Fit", "Show the whole graph", () => fit(graph.elements())));

  return {
    tools,
    mark(names, focus) {
      graph.elements().removeClass("lit dim focus");
      if (!names) return;
      const lit = graph.nodes().filter((node) => names.has(node.id()));
      const all = lit.union(lit.edgesWith(lit));
      graph.elements().difference(all).addClass("dim");
      all.addClass("lit");
      if (focus) graph.getElementById(focus).addClass("focus");
      fit(lit);
    },
  };
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
      shape: "round-rectangle", width: 158, height: 42, label: "data(label)", color: colour("ink"),
      "font-family": "system-ui, sans-serif", "font-size": 12, "line-height": 1.3,
      "text-wrap": "wrap", "text-max-width": 160, "text-valign": "center",
      "background-color": colour("paper"), "border-width": 1, "border-color": colour("line-strong"),
      "background-fill": "linear-gradient", "background-gradient-direction": "to-right",
      "background-gradient-stop-colors": `${colour("cost")} ${colour("cost")} ${colour("paper")} ${colour("paper")}`,
      "background-gradient-stop-positions": (node) => `0% ${100 * node.data("cost")}% ${100 * node.data("cost")}% 100%`,
    } },
    { selector: "edge", style: {
      width: 1.2, "line-color": colour("line-strong"), "target-arrow-color": colour("line-strong"),
      "target-arrow-shape": "triangle", "arrow-scale": 0.8, "curve-style": "bezier",
    } },
    { selector: "node.lit", style: { "border-color": colour("accent"), "border-width": 1.5 } },
    { selector: "edge.lit", style: { "line-color": colour("accent"), "target-arrow-color": colour("accent"), width: 1.8 } },
    { selector: "node.focus", style: { "border-width": 3.5 } },
    { selector: ".dim", style: { opacity: 0.22 } },
  ];
}
