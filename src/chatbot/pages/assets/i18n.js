// The page's language: the browser's unless the user has switched, by the same rule as the server's.

import { TEXTS } from "./texts.js";
import { local } from "./store.js";

const KEY = "chatbot.language";

function ofBrowser() {
  for (const tag of navigator.languages ?? [navigator.language]) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary in TEXTS) return primary;
  }
  return "ko";
}

let language = local.get(KEY) in TEXTS ? local.get(KEY) : ofBrowser();

export const currentLanguage = () => language;

export function setLanguage(next) {
  language = next;
  local.set(KEY, next);
}

/** The sentence of a key, its {placeholders} filled; every value is inserted as plain text. */
export function t(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Write every marked text of the document in the current language. */
export function translate(root = document) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll("[data-i18n-hint]")) element.placeholder = t(element.dataset.i18nHint);
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    const text = t(element.dataset.i18nLabel);
    element.setAttribute("aria-label", text);
    if (element.matches("button")) element.title = text;
  }
}
