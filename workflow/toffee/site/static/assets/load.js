"use strict";

/** Data of the page by key. Scripts of the folder data put it here: a page that is opened from a disk
 * may load scripts, but may not fetch files. */
const Store = (() => {
  const texts = new Map(), loading = new Map();

  function add(key) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `data/${key.split("/").map(encodeURIComponent).join("/")}.js`;
      script.onload = () => (texts.has(key) ? resolve(JSON.parse(texts.get(key))) : script.onerror());
      script.onerror = () => reject(new Error(`${script.getAttribute("src")} is missing or damaged`));
      document.head.append(script);
    });
  }

  return {
    /** Called by the scripts: key and data, both JSON. */
    put(key, text) {
      texts.set(JSON.parse(key), text);
    },
    /** What the page was loaded with. */
    now(key) {
      return JSON.parse(texts.get(key));
    },
    /** A promise of data that is loaded on demand, once. */
    get(key) {
      if (!loading.has(key)) loading.set(key, add(key));
      return loading.get(key);
    },
  };
})();
