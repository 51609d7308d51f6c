// A character card V1, V2 or V3 as the fields of the form, as the service's command reads it (chatbot.domain.cards).
// The card goes nowhere but into the form; what does not fit is cut and reported.

import { readCardFile, CardError } from "./cardfile.js";
import { fillMacros, languageOf } from "./macros.js";
import { composed, lengthOf, shortened, visible } from "./plaintext.js";

export const LIMITS = { name: 50, greeting: 2000, context: 2000 };

const LABELS = {
  ko: { personality: "성격", scenario: "상황", mes_example: "말투 예시" },
  en: { personality: "Personality", scenario: "Scenario", mes_example: "Examples" },
};
const VERSIONS = new Map([["chara_card_v2", "V2"], ["chara_card_v3", "V3"]]);
const LINE_BREAK = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

// Fields of a card that the service has no place for: told, not silently dropped.
const UNUSED = [
  "creator_notes",
  "creator_notes_multilingual",
  "system_prompt",
  "post_history_instructions",
  "alternate_greetings",
  "group_only_greetings",
  "character_book",
  "assets",
];

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value) => (typeof value === "string" ? value : "");

/** The card's fields: under `data` where that has a name, else at the top, whatever its `spec` says. */
function fieldsOf(card) {
  const found = isObject(card) && [card.data, card].find((fields) => isObject(fields) && visible(textOf(fields.name)));
  if (!found) throw new CardError("cardBroken");
  return found;
}

/** The visible text with its paragraphs; runs of empty lines become one. */
const linesOf = (text) => text.split(LINE_BREAK).map(visible).join("\n").replace(/\n{3,}/g, "\n\n").trim();

const endsSentence = (characters, place) =>
  characters[place - 1] === "\n" || (/[.!?。…"”*]/.test(characters[place - 1]) && /[ \n]/.test(characters[place] ?? ""));
const endsWord = (characters, place) => /[ \n]/.test(characters[place - 1]);

/** The text within its limit, ended at a sentence, else at a word, where one ends in its last fifth. */
export function cutTo(text, limit) {
  const characters = Array.from(text);
  if (characters.length <= limit) return text;
  const head = characters.slice(0, limit - 1);
  for (const ends of [endsSentence, endsWord]) {
    for (let place = head.length; place >= limit - Math.floor(limit / 5); place -= 1) {
      if (ends(head, place)) return `${head.slice(0, place).join("").trimEnd()}…`;
    }
  }
  return shortened(text, limit);
}

/** How much a field that has no place holds: a list's items, a lorebook's entries, 1 for a text. */
function amountOf(field) {
  const value = isObject(field) ? (field.entries ?? field) : field;
  if (isObject(value)) return Object.keys(value).length;
  return Array.isArray(value) ? value.length : Number(visible(textOf(value)) !== "");
}

/**
 * Read a card from the bytes of a file. The character's nickname, else its name, is written into the texts;
 * `{{user}}` stays for the service to fill.
 * Gives {version, character: {name, greeting, context}, nickname, fields: [{key, total, kept}], unused: [{key, count}]}.
 */
export async function readCard(bytes) {
  const card = await readCardFile(bytes);
  const data = fieldsOf(card);
  const name = visible(textOf(data.name));
  const nickname = shortened(visible(textOf(data.nickname)), LIMITS.name);
  const names = { char: nickname || shortened(name, LIMITS.name), user: "{{user}}" };
  const filled = (key) => linesOf(fillMacros(composed(textOf(data[key])), names).replace(/<START>/gi, ""));
  const labels = LABELS[languageOf(textOf(data.description) + textOf(data.first_mes))];
  const labelled = (key, between) => (filled(key) ? `${labels[key]}:${between}${filled(key)}` : "");
  const parts = [filled("description"), labelled("personality", " "), labelled("scenario", " "), labelled("mes_example", "\n")];
  const whole = { name, greeting: filled("first_mes"), context: parts.filter(Boolean).join("\n\n") };
  const character = {};
  const fields = [];
  for (const [key, limit] of Object.entries(LIMITS)) {
    character[key] = cutTo(whole[key], limit);
    fields.push({ key, total: lengthOf(whole[key]), kept: lengthOf(character[key]) });
  }
  const version = VERSIONS.get(card.spec) ?? "V1";
  const unused = UNUSED.map((key) => ({ key, count: amountOf(data[key]) })).filter(({ count }) => count);
  return { version, character, nickname, fields, unused };
}
