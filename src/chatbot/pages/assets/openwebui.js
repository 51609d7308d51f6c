// A chat as Open WebUI exports it: its messages are a tree, of which `currentId` ends the path that is shown.

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const seconds = (value) => (Number.isFinite(value) ? value * (value < 1e11 ? 1000 : 1) : NaN);

/** The text of a message; what is no text of it is left out. */
function textOf({ content }) {
  if (typeof content === "string") return content.trim();
  const parts = Array.isArray(content) ? content.map((part) => (typeof part?.text === "string" ? part.text : "")) : [];
  return parts.join("\n").trim();
}

/** The messages by what they follow, those on the shown path last; "" stands for nothing. */
function tree({ messages, currentId }) {
  const all = new Map(Object.entries(messages).filter(([, message]) => isObject(message)));
  const shown = new Set();
  for (let id = currentId; all.has(id) && !shown.has(id); id = all.get(id).parentId) shown.add(id);
  const following = new Map();
  for (const [id, message] of all) {
    const parent = all.has(message.parentId) ? message.parentId : "";
    if (!following.has(parent)) following.set(parent, []);
    following.get(parent).push({ id, message });
  }
  for (const siblings of following.values()) siblings.sort((a, b) => shown.has(a.id) - shown.has(b.id));
  return following;
}

/** Older exports have a list alone. */
function listed(messages) {
  const named = messages.map((message, index) => [`m${index}`, { ...message, parentId: index ? `m${index - 1}` : null }]);
  return { messages: Object.fromEntries(named), currentId: named.at(-1)?.[0] };
}

/** What a message makes of the question before it: more of it, a turn, or nothing (`left`). */
function step({ id, message }, question, after) {
  const text = textOf(message);
  if (message.role === "user") return { id, question: [question, text].filter(Boolean).join("\n\n"), after };
  if (message.role !== "assistant" || !question || !text) return { id, question, after, left: true };
  return { id, question: "", turn: { question, answer: text, model: String(message.model ?? ""), at: seconds(message.timestamp), after } };
}

/** The room of an exported chat; null when it is none. */
export function roomOfOpenWebUI(entry) {
  const chat = isObject(entry?.chat) ? entry.chat : entry;
  const history = isObject(chat?.history?.messages) ? chat.history : Array.isArray(chat?.messages) && listed(chat.messages);
  if (!history) return null;
  const following = tree(history);
  const room = { title: String(entry.title ?? chat.title ?? ""), turns: [], left: 0, greeting: "" };
  // A question waits for its answers; what is read next lies on top.
  const waiting = [{ id: "", question: "", after: null }];
  while (waiting.length) {
    const { id, question, turn, after = room.turns.push(turn) - 1 } = waiting.pop();
    const next = (following.get(id) ?? []).map((message) => step(message, question, after));
    room.left += next.filter(({ left }) => left).length + (question && !next.length ? 1 : 0);
    for (const each of next.reverse()) waiting.push(each);
  }
  room.key = ["openwebui", ...(entry.id ? [entry.id] : [room.title, room.turns[0]?.question])].join("\n");
  return room;
}
