// A stranger's text as visible characters, and lengths as the service counts them (chatbot.domain.plaintext).

const BREAKS_AND_SPACES = /[\t\n\v\f\r\x85\p{Z}]/u;
const UNSEEN = /[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}\p{C}]/u;
const MANY_MARKS = /\p{M}{31}/u;
const SYMBOL = /[^\0-~]/u;
const JOINER = "\u200d";
const EMOJI_STYLE = "\ufe0f";
const KEY = "\u20e3";

/** The composed form; a text with more marks in a row than any language has stays as it is. */
export const composed = (text) => (MANY_MARKS.test(text) ? text : text.normalize("NFC"));

/** Length as the service counts it: code points of the composed form, not UTF-16 units. */
export const lengthOf = (text) => Array.from(composed(text)).length;

const isSymbol = (character) => SYMBOL.test(character) && /[\p{So}\p{Sm}]/u.test(character);
const isSkinTone = (character) => /[\u{1f3fb}-\u{1f3ff}]/u.test(character);

/** Whether a character makes one emoji of its neighbours. */
function holdsTogether(before, character, behind) {
  if (character === EMOJI_STYLE) return isSymbol(before) || (behind === KEY && /^[0-9#*]$/.test(before));
  if (character !== JOINER || !isSymbol(behind)) return false;
  return before === EMOJI_STYLE || isSkinTone(before) || isSymbol(before);
}

function seen(character) {
  if (BREAKS_AND_SPACES.test(character)) return " ";
  return UNSEEN.test(character) ? "" : character;
}

/** The characters that are seen; every kind of space and line break is one space. */
export function visible(text) {
  const characters = Array.from(composed(text));
  const pieces = [];
  let before = "";
  characters.forEach((character, place) => {
    const kept = holdsTogether(before, character, characters[place + 1] ?? "") ? character : seen(character);
    pieces.push(kept);
    before = kept || before;
  });
  // What stood between a letter and its mark may be gone.
  return composed(pieces.join("").replace(/ +/g, " ").trim());
}

const belongsToTheOneBefore = (before, character) =>
  [JOINER, EMOJI_STYLE].includes(character) || isSkinTone(character) || before === JOINER || /\p{M}/u.test(character);

/** The text, or its beginning and "…" in `limit` characters; no emoji or marked letter is cut in two. */
export function shortened(text, limit) {
  const characters = Array.from(text);
  if (characters.length <= limit) return text;
  let end = limit - 1;
  while (end > 0 && belongsToTheOneBefore(characters[end - 1], characters[end])) end -= 1;
  return `${characters.slice(0, end || limit - 1).join("").trimEnd()}…`;
}
