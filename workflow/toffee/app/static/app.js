// The page of `toffee app`. It talks to its own server alone.

const $ = (id) => document.getElementById(id);
const SMALL = 256; // pixels: below, a picture is shown with hard edges

function el(name, set = {}, ...children) {
  const made = Object.assign(document.createElement(name), set);
  made.append(...children);
  return made;
}

async function ask(path, body) {
  const own = { "X-Toffee": "1" };
  const options = body === undefined ? {} : { method: "POST", headers: own, body };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the command `toffee app` does not answer: is it still running?");
  }
  const content = await answer.json();
  // An error is an answer of 200 too: the browser would log any other as a fault of the page.
  if (content.error && !("busy" in content)) throw new Error(content.error);
  return content;
}

function complain(error) {
  $("error").textContent = error ? error.message ?? error : "";
  $("error").hidden = !error;
}

function guarded(call) {
  return async (...given) => {
    complain("");
    try {
      await call(...given);
    } catch (error) {
      complain(error);
    }
  };
}

function loaded(address) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error("the picture cannot be shown"));
    image.src = address;
  });
}

// A picture with a mask that can be painted. The mask has the picture's own size.
class Editor {
  constructor(place) {
    this.place = place;
    this.canvas = el("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.adding = true;
    this.size = el("input", { type: "range", min: 1, max: 40, value: 12, ariaLabel: "Brush size" });
    const mode = (text, adding) => {
      const button = el("button", { type: "button", ariaPressed: adding }, text);
      button.onclick = () => {
        this.adding = adding;
        for (const one of modes) one.ariaPressed = one === button;
      };
      return button;
    };
    const modes = [mode("Add", true), mode("Erase", false)];
    const all = (text, work) => el("button", { type: "button", onclick: () => { work(); this.draw(); } }, text);
    const brushes = el("div", { className: "brushes" }, ...modes, this.size,
      all("Invert", () => this.invert()), all("Clear", () => this.clear()));
    place.replaceChildren(el("div", { className: "editor" }, this.canvas), brushes);
    this.canvas.onpointerdown = (event) => { this.canvas.setPointerCapture(event.pointerId); this.last = null; this.paint(event); };
    this.canvas.onpointermove = (event) => { if (event.buttons) this.paint(event); };
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onblur = () => this.draw();
  }

  // Arrow keys move the brush, the space bar paints: nobody needs a mouse.
  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const { width, height } = this.canvas;
    this.at ??= [width / 2, height / 2];
    if (step) this.at = this.at.map((one, n) => Math.min([width, height][n], Math.max(0, one + step[n] * this.brush() / 2)));
    else { this.last = null; this.stroke(...this.at); }
    this.draw();
    this.ring();
  }

  // Where the brush of the keyboard is.
  ring() {
    const pen = this.canvas.getContext("2d");
    pen.globalAlpha = 1;
    for (const [colour, wide] of [["#000", 4], ["#fff", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = wide * Math.max(1, this.canvas.width / 512);
      pen.beginPath();
      pen.arc(...this.at, this.brush() / 2, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  brush() {
    return Math.max(1, (this.size.value / 100) * this.canvas.width);
  }

  show(item, name) {
    this.item = item;
    this.at = null;
    const { width, height } = item.image;
    if (!item.mask) {
      item.mask = el("canvas", { width, height });
      item.mask.getContext("2d", { willReadFrequently: true }); // all later contexts are this one
    }
    Object.assign(this.canvas, { width, height, ariaLabel: name });
    this.canvas.classList.toggle("small", width < SMALL);
    this.place.hidden = false;
    this.draw();
  }

  paint(event) {
    const box = this.canvas.getBoundingClientRect();
    const zoom = this.canvas.width / box.width;
    this.stroke((event.clientX - box.left) * zoom, (event.clientY - box.top) * zoom);
    this.draw();
  }

  stroke(x, y) {
    const pen = this.item.mask.getContext("2d");
    pen.globalCompositeOperation = this.adding ? "source-over" : "destination-out";
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = "#fff";
    pen.lineWidth = this.brush();
    pen.beginPath();
    pen.moveTo(...(this.last ?? [x, y]));
    pen.lineTo(x + 0.01, y);
    pen.stroke();
    this.last = [x, y];
    this.item.painted = true;
  }

  invert() {
    const pen = this.item.mask.getContext("2d");
    pen.globalCompositeOperation = "xor";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.item.painted = true;
  }

  clear() {
    this.item.mask.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.item.painted = false;
  }

  draw() {
    if (!this.item) return;
    const { width, height } = this.canvas;
    const pen = this.canvas.getContext("2d");
    pen.globalCompositeOperation = "source-over";
    pen.globalAlpha = 1;
    pen.drawImage(this.item.image, 0, 0);
    const tint = el("canvas", { width, height });
    const colour = tint.getContext("2d");
    colour.drawImage(this.item.mask, 0, 0);
    colour.globalCompositeOperation = "source-in";
    colour.fillStyle = "#ff00c8";
    colour.fillRect(0, 0, width, height);
    pen.globalAlpha = 0.45;
    pen.drawImage(tint, 0, 0);
  }
}

// The mask as a PNG in base64, white where it is set; "" where nothing is.
function maskOf(item) {
  if (!item.painted) return "";
  const { width, height } = item.mask;
  const flat = el("canvas", { width, height });
  const pen = flat.getContext("2d");
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(item.mask, 0, 0);
  const pixels = pen.getImageData(0, 0, width, height);
  let any = false;
  for (let at = 0; at < pixels.data.length; at += 4) {
    const value = pixels.data[at] >= 128 ? 255 : 0;
    any ||= value > 0;
    pixels.data.fill(value, at, at + 3);
  }
  pen.putImageData(pixels, 0, 0);
  return any ? flat.toDataURL("image/png").split(",")[1] : "";
}

const photos = [];
let chosen = null;
let picture = null;
let about = null;
const subject = new Editor($("subject"));
const canvas = new Editor($("picture"));

const prompts = () => $("prompts").value.split("\n").map((one) => one.trim()).filter(Boolean);

function choose(item) {
  chosen = item;
  subject.show(item, "Your subject: paint where it is. Arrow keys move the brush, the space bar paints.");
  $("finding").hidden = false;
  for (const [n, button] of [...$("thumbs").children].entries()) button.ariaPressed = photos[n] === item;
}

async function take(file) {
  const told = await ask("/photo", file);
  return { id: told.id, image: await loaded(`/picture/${told.id}`), name: file.name };
}

const find = guarded(async () => {
  if (!chosen) return;
  const item = chosen;
  $("state").textContent = "Looking for it…";
  try {
    const body = { photo: item.id, word: $("word").value.trim(), prompts: prompts() };
    const told = await ask("/find", JSON.stringify(body));
    const image = await loaded(`data:image/png;base64,${told.mask}`);
    const pen = item.mask.getContext("2d");
    pen.globalCompositeOperation = "source-over";
    pen.drawImage(image, 0, 0);
    const pixels = pen.getImageData(0, 0, image.width, image.height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      pixels.data[at + 3] = pixels.data[at];
      pixels.data.fill(255, at, at + 3);
    }
    pen.putImageData(pixels, 0, 0);
    item.painted = true;
    $("word").value ||= told.word;
    subject.draw();
  } finally {
    $("state").textContent = "";
  }
});

const add = guarded(async (files) => {
  for (const file of files) {
    const item = await take(file);
    photos.push(item);
    const image = el("img", { src: item.image.src, alt: file.name });
    $("together-row").hidden = photos.length < 2;
    $("thumbs").append(el("button", { type: "button", onclick: () => choose(item) }, image));
    choose(item);
    if (about.finds && $("word").value.trim()) await find();
  }
});

async function edits(address, id) {
  picture = { id, image: await loaded(address) };
  canvas.show(picture, "The picture: paint what may change. Arrow keys move the brush, the space bar paints.");
  $("edit-help").hidden = false;
  open("edit");
}

function open(name) {
  for (const one of ["draw", "edit"]) $(`tab-${one}`).ariaSelected = one === name;
  $("edit").hidden = name !== "edit";
  $("alone-row").hidden = name === "edit";
  $("go").textContent = name === "edit" ? "Edit" : "Draw";
}

const isEdit = () => !$("edit").hidden;

function values() {
  const first = Number($("seed").value);
  const seeds = Array.from({ length: Number($("count").value) }, (_, n) => first + n);
  return { prompts: prompts(), seeds, scale: $("scale").value, steps: $("steps").value, word: $("word").value.trim() };
}

const also = () => Object.fromEntries(["alone", "base", "together"].map((id) => [id, $(id).checked]));

const given = (item) => ({ id: item.id, mask: maskOf(item) });

const go = guarded(async (event) => {
  event.preventDefault();
  $("warnings").hidden = true;
  if (isEdit()) {
    if (!picture) throw new Error("no picture to edit: drop one, or take one of those below");
    const also = $("with-subject").checked && chosen ? given(chosen) : null;
    await ask("/edit", JSON.stringify({ ...values(), picture: picture.id, mask: maskOf(picture), subject: also }));
  } else {
    await ask("/draw", JSON.stringify({ ...values(), photos: photos.map(given), ...also() }));
  }
  await follow();
});

async function follow() {
  $("go").disabled = true;
  $("bar").hidden = false;
  try {
    for (;;) {
      const now = await ask("/progress");
      if (now.all) $("bar").value = now.done / now.all;
      else $("bar").removeAttribute("value");
      $("state").textContent = now.all ? `step ${now.done} of ${now.all}` : "loading the model…";
      if (!now.busy) {
        if (now.error) throw new Error(now.error);
        $("warnings").replaceChildren(...now.warnings.map((one) => el("li", {}, one)));
        $("warnings").hidden = !now.warnings.length;
        break;
      }
      await new Promise((done) => setTimeout(done, 250));
    }
  } finally {
    $("go").disabled = false;
    $("bar").hidden = true;
    $("state").textContent = "";
    await history();
  }
}

async function history() {
  const pictures = await ask("/history");
  $("none").hidden = pictures.length > 0;
  $("history").replaceChildren(...pictures.map((one) => {
    const address = `/picture/${encodeURIComponent(one.name)}`;
    const small = one.width < SMALL ? "small" : "";
    const alone = one.name.endsWith("-without-photo.png") ? "without the photo · " : "";
    const base = one.name.endsWith("-base-model.png") ? "the base model · " : "";
    const told = alone || base ? `${alone || base}seed ${one.seed}` : `seed ${one.seed} · λ ${one.subject_scale}`;
    return el("li", {},
      el("img", { src: address, alt: one.prompt, loading: "lazy", className: small }),
      el("p", {}, one.prompt),
      el("p", { className: "soft" }, told),
      el("p", { className: "do" },
        el("a", { href: address, download: one.name }, "Download"),
        el("button", { type: "button", onclick: guarded(() => edits(address, one.name)) }, "Edit")));
  }));
}

function drops(place, input, work) {
  input.onchange = async () => { await work([...input.files]); input.value = ""; };
  place.ondragover = (event) => { event.preventDefault(); place.classList.add("over"); };
  place.ondragleave = () => place.classList.remove("over");
  place.ondrop = (event) => {
    event.preventDefault();
    place.classList.remove("over");
    work([...event.dataTransfer.files]);
  };
}

const start = guarded(async () => {
  about = await ask("/about");
  $("about").textContent = `${about.name} on ${about.device}, pictures of ${about.resolution} pixels, licence ${about.licence}. Pictures are made by a model: say so where you show them.`;
  $("scale").value = about.subject_scale;
  $("scale-now").textContent = about.subject_scale;
  $("steps").value = about.num_inference_steps;
  $("find").hidden = !about.finds;
  $("base-row").hidden = !about.base;
  $("words").replaceChildren(...about.words.map((value) => el("option", { value })));
  await history();
});

drops($("drop"), $("file"), add);
drops($("drop-picture"), $("picture-file"), guarded(async ([file]) => {
  const item = await take(file);
  await edits(item.image.src, item.id);
}));
$("find").onclick = find;
$("word").onkeydown = (event) => { if (event.key === "Enter") find(); };
$("draw").onsubmit = go;
$("scale").oninput = () => { $("scale-now").textContent = $("scale").value; };
$("tab-draw").onclick = () => open("draw");
$("tab-edit").onclick = () => open("edit");
await start();
document.documentElement.dataset.ready = "1";
