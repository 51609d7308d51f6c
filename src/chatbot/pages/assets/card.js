// Character cards V1, V2 and V3, read in the browser: PNG text chunks (ccv3 before chara) or JSON.
// The card goes nowhere but into the form; what does not fit is cut and reported.

import { fillMacros } from "./macros.js";

export const LIMITS = { name: 50, greeting: 2000, context: 2000 };
export const MAX_FILE_BYTES = 20 * 1024 * 1024;

/** A file that is no card; `code` is the key of the sentence that says why. */
export class CardError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
// Browsers before 2024 may lack the segmenter; they cut between code points.
const graphemes = Intl.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

/** Length as the service counts it: code points of the composed form, not UTF-16 units. */
export const lengthOf = (text) => Array.from(text.normalize("NFC")).length;

/** The longest beginning of at most `limit` code points that ends between two visible characters. */
export function cutTo(text, limit) {
  if (lengthOf(text) <= limit) return text;
  let kept = "";
  let count = 0;
  for (const part of graphemes?.segment(text) ?? text) {
    const segment = part.segment ?? part;
    count += lengthOf(segment);
    if (count > limit) break;
    kept += segment;
  }
  return kept.trimEnd();
}

/** The tEXt chunks of a PNG: keyword to Latin-1 value. Chunks that reach past the end stop the reading. */
function textChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin1 = new TextDecoder("latin1");
  const chunks = new Map();
  for (let at = PNG_SIGNATURE.length; at + 12 <= bytes.length; ) {
    const size = view.getUint32(at);
    const type = latin1.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + size);
    if (data.length < size || type === "IEND") break;
    const zero = data.indexOf(0);
    if (type === "tEXt" && zero > 0) chunks.set(latin1.decode(data.subarray(0, zero)).toLowerCase(), latin1.decode(data.subarray(zero + 1)));
    at += 12 + size;
  }
  return chunks;
}

function fromBase64(text) {
  const binary = atob(text.replace(/\s+/g, ""));
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}

function jsonText(bytes) {
  if (!PNG_SIGNATURE.every((value, index) => bytes[index] === value)) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const chunks = textChunks(bytes);
  const encoded = chunks.get("ccv3") ?? chunks.get("chara");
  if (encoded === undefined) throw new CardError("cardNotFound");
  return fromBase64(encoded);
}

const textOf = (value) => (typeof value === "string" ? value.replaceAll("\0", "").replace(/\r\n?/g, "\n").trim() : "");

const oneLine = (value) => textOf(value).replace(/\s+/g, " ");

const SPOKEN = ["description", "personality", "scenario", "mes_example", "first_mes"];

const withNickname = (data, char) => ({ ...data, ...Object.fromEntries(SPOKEN.map((key) => [key, fillMacros(textOf(data[key]), { char })])) });

// Fields of a card that the service has no place for: told, not silently dropped.
const UNUSED = ["system_prompt", "post_history_instructions", "alternate_greetings", "group_only_greetings", "character_book", "creator_notes", "assets"];

function unusedOf(data) {
  const unused = [];
  for (const key of UNUSED) {
    const value = key === "character_book" ? data[key]?.entries : data[key];
    const count = Array.isArray(value) ? value.length : textOf(value) ? 1 : 0;
    if (count) unused.push({ key, count });
  }
  return unused;
}

/** Join the texts that describe a character, in the order of their weight; example dialogue only if there is room. */
function contextOf(data) {
  const parts = [data.description, data.personality, data.scenario].map(textOf).filter(Boolean);
  const examples = textOf(data.mes_example);
  const withExamples = [...parts, examples].join("\n\n");
  if (examples && lengthOf(withExamples) <= LIMITS.context) return { context: withExamples, left: [] };
  return { context: parts.join("\n\n"), left: examples ? [{ key: "mes_example", count: 1 }] : [] };
}

/**
 * Read a card from the bytes of a file. What a V3 card calls its character (`nickname`) is written into the texts,
 * since a request has one name only; other macros stay for the service to fill.
 * Gives {version, character: {name, greeting, context}, nickname, fields: [{key, total, kept}], unused: [{key, count}]}.
 */
export function readCard(bytes) {
  let card;
  try {
    card = JSON.parse(jsonText(bytes));
  } catch (error) {
    throw error instanceof CardError ? error : new CardError("cardBroken");
  }
  const data = card?.data && typeof card.data === "object" ? card.data : card;
  if (!data || typeof data !== "object" || Array.isArray(data) || !textOf(data.name)) throw new CardError("cardBroken");
  const version = { chara_card_v2: "V2", chara_card_v3: "V3" }[card.spec] ?? "V1";
  const nickname = cutTo(oneLine(data.nickname), LIMITS.name);
  const spoken = nickname ? withNickname(data, nickname) : data;
  const { context, left } = contextOf(spoken);
  const whole = { name: oneLine(data.name), greeting: textOf(spoken.first_mes), context };
  const character = {};
  const fields = [];
  for (const [key, limit] of Object.entries(LIMITS)) {
    character[key] = cutTo(whole[key], limit);
    fields.push({ key, total: lengthOf(whole[key]), kept: lengthOf(character[key]) });
  }
  return { version, character, nickname, fields, unused: [...unusedOf(data), ...left] };
}
