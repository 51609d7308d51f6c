// The macros of character cards, filled as the service fills them (chatbot.domain.macros): {{char}}, {{user}} and the
// older <BOT>, <CHAR>, <USER>; notes go, other braces stay, and a Korean particle follows the last sound of the name.

const NOTE = /\{\{\s*(?:\/\/|comment\s*:)[^{}]*\}\}/gi;
// Behind a final consonant, behind a vowel.
const PAIRS = [["은", "는"], ["이", "가"], ["을", "를"], ["과", "와"], ["으로", "로"]];
const SHORT = { "(은)는": 0, "(이)가": 1, "(을)를": 2, "(으)로": 4 };
const FORMS = new Map([
  ...PAIRS.flatMap((pair) => [...pair, `${pair[0]}(${pair[1]})`, `${pair[1]}(${pair[0]})`].map((form) => [form, pair])),
  ...Object.entries(SHORT).map(([form, index]) => [form, PAIRS[index]]),
]);
const longestFirst = [...FORMS.keys()].sort((a, b) => b.length - a.length);
const PARTICLE = longestFirst.map((form) => form.replace(/[()]/g, "\\$&")).join("|");
const NAME = new RegExp(`(?:\\{\\{\\s*(char|user)\\s*\\}\\}|<(bot|char|user)>)(?:(${PARTICLE})(?![가-힣]))?`, "gi");
const SYLLABLES = { first: 0xac00, last: 0xd7a3, finals: 28, rieul: 8 };

function agreeing(word, particle) {
  const pair = FORMS.get(particle);
  const composed = word.normalize("NFC");
  const code = composed.charCodeAt(composed.length - 1);
  if (!pair || !(code >= SYLLABLES.first && code <= SYLLABLES.last)) return particle;
  const final = (code - SYLLABLES.first) % SYLLABLES.finals;
  return pair[final && !(pair[0] === "으로" && final === SYLLABLES.rieul) ? 0 : 1];
}

/** Put names in, in one pass, so that a name cannot bring macros of its own. */
export function fillMacros(text, names) {
  return text.replace(NOTE, "").replace(NAME, (_, braced, tag, particle = "") => {
    const name = names[(braced ?? tag).toLowerCase() === "user" ? "user" : "char"];
    return name + agreeing(name, particle);
  });
}

/** "ko" unless fewer than one in ten of a text's letters is Hangul, as the service sees it (chatbot.domain.language). */
export function languageOf(text) {
  const letters = text.match(/\p{L}/gu) ?? [];
  const hangul = letters.filter((letter) => /[가-힣ᄀ-ᇿ\u3130-\u318f]/.test(letter)).length;
  return hangul * 10 >= letters.length ? "ko" : "en";
}

/** What the service calls a user without a name, by the language of the character's own texts. */
export const userWord = (texts) => (languageOf(texts) === "ko" ? "사용자" : "User");
