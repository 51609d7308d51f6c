// A read room as the service takes it: ids made from the texts, so that an import can be repeated, in pieces of its size.

import { FileError } from "./fileerror.js";

// The service's own bounds, with room for the frame of a body and what was chosen for the room (chatbot.api.importing).
const MOST_BYTES = 240 * 1024;
const MOST_TURNS = 200;
const MODEL_CHARS = 100;

const LANES = [[0x811c9dc5, 0x01000193], [0x9e3779b9, 0x85ebca6b], [0x7f4a7c15, 0xc2b2ae35], [0x3c6ef372, 0x27d4eb2f]];

/**
 * An id that depends on a text alone: 128 bits, enough to tell a user's own turns apart. The browser's digests are not used,
 * since a page without TLS has none.
 */
export function idOf(text) {
  const lanes = LANES.map(([start]) => start);
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    for (let lane = 0; lane < 4; lane += 1) lanes[lane] = Math.imul(lanes[lane] ^ code, LANES[lane][1]) ^ (lanes[lane] >>> 15);
  }
  const hex = lanes.map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
  // Version 8 is for ids made in ways of one's own (RFC 9562).
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");

/** A time as the service reads it; where nobody wrote one down, that of the turn before. */
function timeOf(at, before) {
  const date = new Date(at);
  const year = date.getUTCFullYear();
  return year > 1 && year < 9999 ? date.toISOString() : before;
}

/** The record of each turn of a read room; those of this suite's own exports are records already. */
function recordsOf({ turns, key }, dbId, askedWith) {
  if (key === undefined) return turns;
  const records = [];
  for (const { question, answer, model, at, after } of turns) {
    const texts = { input_data: wellFormed(question), output_data: wellFormed(answer) };
    const follows = after === null ? null : records[after].id;
    records.push({
      id: idOf([dbId, follows, texts.input_data, texts.output_data].join("\n")),
      after: follows,
      ...texts,
      model: wellFormed(model).slice(0, MODEL_CHARS) || "imported",
      created_at: timeOf(at, records.at(-1)?.created_at ?? new Date().toISOString()),
      ...(askedWith && follows === null && { asked_with: askedWith }),
    });
  }
  return records;
}

/** The records in pieces, each of which begins behind the last turn of the one before. */
function piecesOf(records) {
  const sizes = records.map((record) => new TextEncoder().encode(JSON.stringify(record)).length + 1);
  const pieces = [];
  for (let from = 0; from < records.length; ) {
    let bytes = 0;
    let cut = from;
    for (let end = from; end < records.length && end - from < MOST_TURNS; end += 1) {
      bytes += sizes[end];
      if (bytes > MOST_BYTES) break;
      if (end + 1 === records.length || records[end + 1].after === records[end].id) cut = end + 1;
    }
    if (cut === from) throw new FileError("importTooLong");
    pieces.push(records.slice(from, cut));
    from = cut;
  }
  return pieces;
}

/**
 * A read room as {dbId, title, pieces, state}; `owner` tells the user's rooms of this service from others, `askedWith` are the fields
 * that the room is to be gone on with, or null. Throws FileError for a room that cannot be sent.
 */
export function bodiesOf(room, owner, askedWith) {
  const dbId = room.dbId ?? idOf([owner, room.key].join("\n"));
  return { dbId, title: room.title, pieces: piecesOf(recordsOf(room, dbId, askedWith)), state: room.state ?? null };
}
