"use strict";

/** The section of figures, each with its caption; a click shows it in full size. */
function showFigures(figures, section) {
  const large = el("img", { alt: "" });
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { class: "large", "aria-label": "Figure in full size" }, close, el("div", {}, large));
  section.append(el("div", { class: "figures" }, figures.map((figure) => {
    const name = Format.words(figure.name);
    const file = `figures/${encodeURIComponent(figure.file)}`;
    const alt = `Figure ${name}. ${figure.caption}`;
    const picture = el("img", { src: file, alt, width: figure.width, height: figure.height, loading: "lazy" });
    const enlarge = () => {
      large.src = file;
      large.alt = alt;
      dialog.showModal();
    };
    return el("figure", { id: `figure-${figure.name}` },
      el("button", { type: "button", class: "enlarge", "aria-label": `Enlarge: ${alt}`, onclick: enlarge }, picture),
      el("figcaption", {}, el("strong", {}, name), " ", figure.caption));
  })), dialog);
}
