"use strict";

/** Pairs that a click adds. */
const PAGE = 24;

/** The dataset: counts by kind, and a sample of candidates with their pictures and scores. */
function showWall(wall, section) {
  const total = wall.counts.reduce((sum, row) => sum + row.candidates, 0);
  const kept = wall.counts.reduce((sum, row) => sum + row.accepted, 0);
  const kinds = wall.counts.map((row) => row.kind);
  const rows = wall.counts.map((row) => [row.kind, row.candidates, row.accepted, row.accepted / row.candidates]);
  const share = (value) => el("span", { class: "share" }, el("meter", { min: 0, max: 1, value, "aria-hidden": "true" }), ` ${(100 * value).toFixed(0)} %`);

  const kind = el("select", { onchange: () => choose() }, el("option", { value: "" }, "all kinds"), kinds.map((name) => el("option", { value: name }, name)));
  const verdict = el("select", { onchange: () => choose() }, [["", "accepted and rejected"], ["true", "accepted"], ["false", "rejected"]]
    .map(([value, text]) => el("option", { value }, text)));
  const said = el("span", { role: "status" });
  const cards = el("ul", { class: "wall" });
  const more = el("button", { type: "button", onclick: () => add() }, "Show more");
  let chosen = [], shown = 0;

  function choose() {
    chosen = wall.pairs.filter((pair) =>
      (!kind.value || pair.kind === kind.value) && (!verdict.value || String(pair.accepted) === verdict.value));
    shown = 0;
    cards.replaceChildren();
    add();
  }

  function add() {
    const next = chosen.slice(shown, shown + PAGE).map(pairCard);
    cards.append(...next);
    if (shown) next[0]?.focus();
    shown += next.length;
    more.hidden = shown >= chosen.length;
    said.textContent = `${NUMBER.format(shown)} of ${Format.count(chosen.length, "pair")} of the sample`;
  }

  section.append(
    el("p", {}, `${NUMBER.format(kept)} of ${Format.count(total, "candidate")} passed the filter. `,
      `Below is a fixed sample of ${NUMBER.format(wall.pairs.length)}, accepted and rejected in equal numbers where there are enough, spread over kinds and reasons: `,
      "it shows what the filter sees, not how often."),
    el("div", { class: "narrow" }, grid("Candidates by kind", ["kind", { title: "candidates", show: Format.number },
      { title: "accepted", show: Format.number }, { title: "share", show: share }], rows)),
    el("div", { class: "filters" }, el("label", {}, "Kind ", kind), el("label", {}, "Verdict ", verdict), said),
    cards, el("p", { class: "centre" }, more));
  choose();
}

function pairCard(pair) {
  const pictures = Object.entries(pair.pictures).map(([name, file]) => el("div", {},
    el("img", { src: `images/${encodeURIComponent(file)}`, alt: `${name} of the pair: ${pair.prompt}`, loading: "lazy" }),
    el("span", { "aria-hidden": "true" }, name)));
  const verdict = pair.accepted
    ? el("span", { class: "good" }, "accepted")
    : el("span", { class: "bad" }, `rejected: ${reasonText(pair.reason)}`);
  const scores = Object.entries(pair.scores).map(([name, value]) => [Format.words(name), Format.score(value)]);
  return el("li", { tabindex: -1 },
    el("div", { class: "pictures" }, pictures),
    el("p", { class: "prompt" }, pair.prompt),
    el("p", { class: "tags" }, el("span", { class: "kind" }, pair.kind), " ", verdict),
    terms(scores, { class: "scores" }),
    el("p", { class: "small" }, "sample ", el("code", {}, pair.sample), ` of shard ${pair.shard}`));
}

/** Why the filter rejected a pair: the name of its threshold, for people. */
function reasonText(reason) {
  const [, bound, score] = reason.match(/^(min|max)_(.+)$/) ?? [];
  return score ? `${Format.words(score)} too ${bound === "min" ? "low" : "high"}` : Format.words(reason);
}
