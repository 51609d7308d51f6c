// From the bytes of a character card's file to its JSON, as the service's command reads it (chatbot.domain.card_files).

/** A file that is no card; `code` is the key of the sentence that says why. */
export class CardError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export const MAX_FILE_BYTES = 32 * 1024 * 1024;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const TEXT_KINDS = ["tEXt", "zTXt", "iTXt"];

const broken = () => new CardError("cardBroken");

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of a chunk's kind and body (PNG specification, annex D). */
function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}

const latin1 = (bytes) => new TextDecoder("latin1").decode(bytes);

/** A field up to the next zero byte, and what stands behind it; null without a zero byte. */
function split(bytes) {
  const zero = bytes.indexOf(0);
  return zero < 0 ? null : [bytes.subarray(0, zero), bytes.subarray(zero + 1)];
}

/** The text chunks of a PNG: keyword to kind and what stands behind the keyword; the last of each counts. */
function textChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = new Map();
  for (let at = PNG_SIGNATURE.length; at + 12 <= bytes.length; ) {
    const size = view.getUint32(at);
    const kind = latin1(bytes.subarray(at + 4, at + 8));
    const end = at + 8 + size;
    if (end + 4 > bytes.length || kind === "IEND") break;
    if (TEXT_KINDS.includes(kind)) {
      if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) throw broken();
      const [keyword, rest] = split(bytes.subarray(at + 8, end)) ?? [bytes.subarray(at + 8, end), new Uint8Array()];
      chunks.set(latin1(keyword).toLowerCase(), [kind, rest]);
    }
    at = end + 4;
  }
  return chunks;
}

/** What zlib data unpacks to; what unpacks to more than a file may hold is given up. */
async function inflated(packed) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    size += value.length;
    if (size > MAX_FILE_BYTES) {
      await reader.cancel();
      throw broken();
    }
  }
}

async function textOf(kind, rest) {
  if (kind === "tEXt") return rest;
  if (kind === "zTXt") {
    if (rest[0] !== 0) throw broken();
    return inflated(rest.subarray(1));
  }
  const [packed, method] = rest;
  const behindLanguage = split(rest.subarray(2))?.[1];
  const text = behindLanguage && split(behindLanguage)?.[1];
  if (!text) throw broken();
  if (packed === 0) return text;
  if (packed !== 1 || method !== 0) throw broken();
  return inflated(text);
}

/** The JSON's bytes: the file itself, or the base64 in a PNG's `ccv3` text, else its `chara` text. */
async function payload(bytes) {
  if (!PNG_SIGNATURE.every((value, index) => bytes[index] === value)) return bytes;
  const chunks = textChunks(bytes);
  const found = chunks.get("ccv3") ?? chunks.get("chara");
  if (!found) throw new CardError("cardNotFound");
  return Uint8Array.from(atob(latin1(await textOf(...found))), (character) => character.charCodeAt(0));
}

/** The JSON value that a file holds; CardError when it holds none. */
export async function readCardFile(bytes) {
  if (bytes.length > MAX_FILE_BYTES) throw broken();
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await payload(bytes)));
  } catch (error) {
    throw error instanceof CardError ? error : broken();
  }
}
