// Conversations in the files of other programs, and of this one, as rooms with turns. Pure; touches no page.

import { FileError } from "./fileerror.js";
import { roomOfOpenWebUI } from "./openwebui.js";
import { isSillyTavern, roomOfSillyTavern } from "./sillytavern.js";

function parsed(text, line = 0) {
  try {
    return JSON.parse(text);
  } catch {
    throw line ? new FileError("importLineBroken", { line }) : new FileError("importUnknown");
  }
}

/** The values of the lines of a file, each with its number. */
function linesOf(text) {
  const lines = [];
  text.split("\n").forEach((line, index) => line.trim() && lines.push({ number: index + 1, text: line }));
  return lines;
}

function firstOf(lines) {
  try {
    return JSON.parse(lines[0]?.text ?? "");
  } catch {
    return null; // No file of lines: JSON over several lines begins with half a value.
  }
}

/** A room of this suite's own export: its turns have their ids. */
const roomOfOurs = ({ db_id: dbId, turns, state = null }) => ({ dbId, title: "", turns, state, left: 0 });

// Ids become part of addresses, so that only ids may be taken from a file.
const ROOM_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const isTurn = (turn) => typeof turn === "object" && turn !== null;
const isRoom = (room) => ROOM_ID.test(room?.db_id) && Array.isArray(room.turns) && room.turns.every(isTurn);
const isOurs = (value) => Array.isArray(value?.rooms) && value.rooms.every(isRoom);

/** The chats of a file as rooms. */
function chatsOf(text) {
  const lines = linesOf(text);
  if (isSillyTavern(firstOf(lines))) return [roomOfSillyTavern(lines.map((line) => ({ number: line.number, value: parsed(line.text, line.number) })))];
  const whole = parsed(text);
  if (isOurs(whole)) return whole.rooms.map(roomOfOurs);
  return (Array.isArray(whole) ? whole : [whole]).map((chat, index, { length }) => {
    const room = roomOfOpenWebUI(chat);
    if (!room) throw length > 1 ? new FileError("importPartUnknown", { place: index + 1 }) : new FileError("importUnknown");
    return room;
  });
}

/**
 * What a file holds, as {rooms, left}: `left` counts messages that are no part of a turn. A room is {title, turns, key,
 * greeting, character}, or for those of this suite's own export {dbId, turns, state}. A turn is {question, answer, model, at, after};
 * `after` is the index of the turn that it follows, null for none, and what the shown path goes through stands behind what it
 * does not. `key` tells the room from others; `greeting` is what the character said before anything was asked.
 * Throws FileError when the file, or a part of it, cannot be read.
 */
export function roomsOf(text) {
  const read = chatsOf(text.replace(/^\ufeff/, ""));
  const rooms = read.filter(({ turns }) => turns.length);
  if (!rooms.length) throw new FileError(read.length ? "importEmpty" : "importUnknown");
  return { rooms, left: read.reduce((sum, { left }) => sum + left, 0) };
}
