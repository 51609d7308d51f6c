// What stands above the turns: the scene of a character, else a welcome with things to ask.

import { make } from "./dom.js";
import { facts, say } from "./facts.js";
import { formatted } from "./format.js";
import { t } from "./i18n.js";

/** The character that is talked with, and how it begins; `blank`: nothing was asked yet. */
export function scene(character, blank) {
  const { name } = character.current;
  const greeting = character.shownGreeting;
  const about = make("div", {}, make("h2", {}, name), make("p", {}, character.shownContext), character.tools(blank));
  return [
    make("div", { className: "persona" }, character.face, about),
    ...(greeting ? [make("div", { className: "speaker" }, name), make("div", { className: "answer", dir: "auto" }, formatted(greeting))] : []),
  ];
}

/** A welcome; `put(text)` is called with the suggestion that was chosen. */
export function welcome(put) {
  const suggestions = facts.suggestions
    .map(say)
    .map((text) => make("li", {}, make("button", { type: "button", className: "suggestion", onclick: () => put(text) }, text)));
  return [
    make("h2", {}, t("welcome")),
    ...(facts.hint ? [make("p", {}, say(facts.hint))] : []),
    ...(suggestions.length ? [make("ul", {}, ...suggestions)] : []),
  ];
}
