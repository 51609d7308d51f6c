// Says things in the language of the page.

const WORDS = { ko: WORDS_KO, en: WORDS_EN };

let language = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";

// In one pass, so that a value cannot bring places of its own.
const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (place, name) => (Object.hasOwn(values, name) ? values[name] : place));

const sayOr = (key, other) => WORDS[language][key] ?? other;

const say = (key, values = {}) => fill(sayOr(key, key), values);
