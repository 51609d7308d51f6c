// A chat of SillyTavern: JSON lines, of which the first tells of the chat and each other one is a message.

import { FileError } from "./fileerror.js";

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const isSillyTavern = (first) =>
  isObject(first) && ("chat_metadata" in first || "character_name" in first || (typeof first.mes === "string" && "is_user" in first));

// "2024-3-12 @10h 11m 12s 123ms" and "March 12, 2024 10:11am", as older versions wrote it, by the clock of the machine.
const STAMP = /^(\d{4})-(\d{1,2})-(\d{1,2}) ?@(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s/;
const NAMED = /^([A-Z][a-z]+ \d{1,2}, \d{4}) (\d{1,2}:\d{2}) ?([ap]m)$/i;

/** The moment of a message in milliseconds; NaN for none. */
function momentOf(date) {
  if (typeof date === "number") return date;
  if (typeof date !== "string") return NaN;
  if (/^\d{12,14}$/.test(date)) return Number(date);
  const stamp = STAMP.exec(date);
  if (stamp) return new Date(+stamp[1], stamp[2] - 1, ...stamp.slice(3).map(Number)).valueOf();
  const named = NAMED.exec(date);
  return Date.parse(named ? `${named[1]} ${named[2]} ${named[3]}` : date);
}

/** The messages of one speaker after the other, joined where several follow each other. */
function runsOf(messages) {
  const runs = [];
  for (const { value, number } of messages) {
    if (!isObject(value) || typeof value.mes !== "string") throw new FileError("importLineBroken", { line: number });
    const last = runs.at(-1);
    if (last?.isUser === Boolean(value.is_user)) last.messages.push(value);
    else runs.push({ isUser: Boolean(value.is_user), messages: [value] });
  }
  return runs;
}

const textOf = ({ messages }) => messages.map(({ mes }) => mes.trim()).filter(Boolean).join("\n\n");

/** The answers that stand in one place, the one that was chosen last. */
function swipesOf(run) {
  const [message] = run.messages;
  const chosen = textOf(run);
  if (run.messages.length > 1 || !Array.isArray(message.swipes)) return [chosen];
  const others = message.swipes.filter((text, index) => typeof text === "string" && text.trim() && index !== (message.swipe_id ?? 0));
  return [...new Set(others.map((text) => text.trim()).filter((text) => text !== chosen)), chosen];
}

/** The room of a chat's lines, each {number, value}. */
export function roomOfSillyTavern(lines) {
  const head = "mes" in lines[0].value ? {} : lines[0].value;
  const messages = lines.slice("mes" in lines[0].value ? 0 : 1);
  const spoken = messages.filter(({ value }) => !value?.is_system);
  const room = { title: "", turns: [], left: messages.length - spoken.length, greeting: "", character: "" };
  let question = null;
  let after = null;
  for (const run of runsOf(spoken)) {
    const text = textOf(run);
    if (run.isUser) question = text;
    else {
      room.character ||= String(run.messages[0].name ?? "");
      if (question === null) room.greeting = text;
      else if (!question || !text) room.left += run.messages.length;
      else {
        const [message] = run.messages;
        const turn = { question, model: String(message.extra?.model ?? ""), at: momentOf(message.send_date), after };
        for (const answer of swipesOf(run)) room.turns.push({ ...turn, answer });
        after = room.turns.length - 1;
      }
      question = "";
    }
  }
  if (question) room.left += 1;
  room.key = ["sillytavern", head.chat_metadata?.integrity, head.create_date, room.character, room.turns[0]?.question].join("\n");
  return room;
}
