"use strict";

const NUMBER = new Intl.NumberFormat("en");
const DATE = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZone: "UTC",
});

/** Names that are written in a way of their own. */
const NAMES = {
  __proto__: null,
  dino: "DINO", clip_i: "CLIP-I", clip_t: "CLIP-T", seg_dino: "Seg-DINO", dino_masked: "DINO, masked",
  clip_i_masked: "CLIP-I, masked", histogram_masked: "histogram, masked", efficientnet: "EfficientNet",
  efficientnet_masked: "EfficientNet, masked", mask_iou: "mask IoU",
  dreambench: "DreamBench", dreambooth: "DreamBooth", toffeenet: "ToffeeNet",
};

/** Numbers, sizes and times for people. */
const Format = {
  count: (n, one, many = `${one}s`) => `${NUMBER.format(n)} ${n === 1 ? one : many}`,
  number: (n) => (n === null ? "–" : NUMBER.format(n)),
  score: (n) => (n === null ? "missing" : n.toFixed(2).replace("-", "−")),
  time: (iso) => (iso ? `${DATE.format(new Date(iso))} UTC` : "–"),
  /** A whole number of five digits or more in groups of three; any other text as it is. */
  grouped: (text) => (/^\d{5,}$/.test(text) ? NUMBER.format(text) : text),
  /** A method, a difference of two (`a − b`), or the share of a gap (`gap_closed(a)`). */
  method(name) {
    const [, closes] = name.match(/^gap_closed\((.+)\)$/) ?? [];
    return closes ? `gap closed by ${Format.words(closes)}` : name.split(" − ").map(Format.words).join(" − ");
  },
  words: (name) => NAMES[name] ?? name.replaceAll("_", " "),

  seconds(s) {
    if (s === null || s === undefined) return "–";
    if (s < 120) return `${s.toFixed(1)} s`;
    if (s < 7200) return `${(s / 60).toFixed(1)} min`;
    return `${NUMBER.format(+(s / 3600).toFixed(1))} h`;
  },

  bytes(n) {
    for (const unit of ["bytes", "kB", "MB", "GB", "TB"]) {
      if (n < 1000 || unit === "TB") return `${unit === "bytes" ? n : n.toFixed(1)} ${unit}`;
      n /= 1000;
    }
  },
};
