"use strict";

/** An element. Attributes whose names begin with "on" are listeners, those that are null or false are
 * left out; children are elements, lists of them, or text: text from data never becomes HTML. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}

const byId = (id) => document.getElementById(id);

/** Say something to screen readers, without moving the focus. */
function announce(text) {
  byId("status").textContent = text;
}

/** A box that scrolls sideways by itself, so that the page never does; the keyboard reaches it. */
function wide(label, ...children) {
  return el("div", { class: "wide", role: "region", "aria-label": label, tabindex: 0 }, ...children);
}

/** A list of terms and what they are; pairs without a value are left out. */
function terms(pairs, attributes = {}) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", attributes, known.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}

/** A digest, cut for reading, with a button that copies all of it. */
function digest(value, what) {
  if (!value) return "–";
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy the digest of ${what}` }, "copy");
  button.addEventListener("click", async () => {
    await copy(value);
    button.textContent = "copied";
    announce("Copied");
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  return el("span", { class: "digest" }, el("code", { title: value }, `${value.slice(0, 12)}…`), " ", button);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages from a disk have no clipboard in some browsers: the older way works there.
    const field = el("textarea", { class: "hidden" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** A link to a file of the results folder, which lies beside this page; text where it is elsewhere. */
function fileLink(path, text = path) {
  const parts = path.split("/");
  if (parts.some((part) => part === ".." || part === "")) return el("code", {}, text);
  return el("a", { href: `../${parts.map(encodeURIComponent).join("/")}` }, el("code", {}, text));
}
