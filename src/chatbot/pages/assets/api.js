// The service's HTTP contract as functions. Addresses are relative: the page works under any prefix.

import { currentLanguage, t } from "./i18n.js";
import { eventsOf } from "./sse.js";
import { settings } from "./store.js";

/** A refusal or failure that the service named. `retryAfter` is seconds or null; `current` what is kept instead, if it says so. */
export class ServiceError extends Error {
  constructor(status, detail, retryAfter, current = null) {
    super(describe(detail) || t("failed", { status }));
    this.status = status;
    this.retryAfter = retryAfter;
    this.current = current;
  }
}

/** The connection failed or ended before the answer was complete. */
export class ConnectionLost extends Error {}

function describe(detail) {
  if (!Array.isArray(detail)) return typeof detail === "string" ? detail : "";
  return detail.map((item) => `${(item.loc ?? []).slice(1).join(".")}: ${item.msg ?? ""}`.replace(/^: /, "")).join(" · ");
}

function positive(value) {
  const number = Number(value);
  return value !== null && value !== undefined && value !== "" && number >= 0 ? Math.ceil(number) : null;
}

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  // OpenAI's shape is spoken under v1, the suite's own everywhere else.
  const detail = body?.detail ?? body?.error?.message;
  return new ServiceError(response.status, detail, positive(response.headers.get("Retry-After")) ?? positive(body?.retry_after), body?.current);
}

async function request(path, { headers = {}, ...options } = {}) {
  const all = { "Accept-Language": currentLanguage(), ...headers };
  if (settings.apiKey) all.Authorization = `Bearer ${settings.apiKey}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers: all, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ConnectionLost(t("offline"), { cause: error });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

const json = async (path, options) => (await request(path, { headers: { Accept: "application/json" }, ...options })).json();
const owner = () => `user_id=${encodeURIComponent(settings.userId)}`;

// Of several pods, the one that knows this user's conversations.
const affinity = () => (settings.userId ? { "X-Affinity": settings.userId } : {});

/** The events of a stream up to `done`, each {event, data, id}. */
async function* streamed(response) {
  try {
    for await (const { event, data, id } of eventsOf(response.body)) {
      const value = JSON.parse(data);
      if (event === "error") throw new ServiceError(value.status, value.detail, positive(value.retry_after));
      yield { event, data: value, id };
      if (event === "done") return;
    }
  } catch (error) {
    if (error instanceof ServiceError || error.name === "AbortError") throw error;
    throw new ConnectionLost(t("lost"), { cause: error });
  }
  throw new ConnectionLost(t("lost"));
}

/**
 * Ask a question and yield the events of its answer: first {event: "open", data: {dbId, answer}}, then queue, token, done;
 * `answer` is the id by which the stream can be gone on with, else null.
 * Throws ServiceError for a refusal or an error event, ConnectionLost when the stream ends early.
 */
export async function* ask(alias, body, { signal, finish }) {
  const headers = { Accept: "text/event-stream", "Content-Type": "application/json", "X-Keep": "partial", "X-Prompt-Report": "1", ...affinity() };
  if (finish) headers["X-Finish"] = "1";
  const response = await request(encodeURIComponent(alias), { method: "POST", headers, body: JSON.stringify(body), signal });
  yield { event: "open", data: { dbId: response.headers.get("X-Db-Id"), answer: response.headers.get("X-Answer-Id") } };
  yield* streamed(response);
}

/** The events of an answer behind the one with the id `seen`; rejects with a ServiceError of 404 where it is not kept. */
export async function resumed({ id, seen }, signal) {
  const headers = { Accept: "text/event-stream", "Last-Event-ID": seen, ...affinity() };
  return streamed(await request(`answers/${encodeURIComponent(id)}?${owner()}`, { headers, signal }));
}

export const rooms = async () => (await json(`rooms?${owner()}`)).rooms;
export const deleteRoom = (dbId) => json(`rooms/${dbId}?${owner()}`, { method: "DELETE" });
export const deleteAllRooms = () => json(`rooms?${owner()}`, { method: "DELETE" });
export const exportRooms = async () => (await request(`rooms/export?${owner()}`)).blob();

const JSON_HEADERS = { Accept: "application/json", "Content-Type": "application/json" };

/** Change a room's title, its pin, its facts, or the turn (`leaf`) through which its path goes. */
export const changeRoom = (dbId, change) =>
  json(`rooms/${dbId}?${owner()}`, { method: "PATCH", headers: JSON_HEADERS, body: JSON.stringify(change) });

/** Where titles and turns of the user hold a text: {found: [{db_id, title, turn, excerpt}], complete}. */
export const searchRooms = (q) => json(`rooms/search?${owner()}`, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify({ q }) });

/**
 * Store turns of a room from elsewhere, each once: {stored, present}, how many are new and how many had been there. `state` is
 * what was chosen for the room, where that is known.
 */
export const importTurns = (dbId, turns, state = null) =>
  json(`rooms/import?${owner()}`, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify({ db_id: dbId, turns, state }) });

/** Delete a turn and what follows it. */
export const deleteTurn = (dbId, id) => json(`rooms/${dbId}/turns/${id}?${owner()}`, { method: "DELETE" });

/** Put another text in the place of the summary that ends with this turn. */
export const putSummary = (dbId, turn, text) =>
  request(`rooms/${dbId}/summaries/${turn}?${owner()}`, { method: "PUT", headers: JSON_HEADERS, body: JSON.stringify({ text }) });
export const deleteSummary = (dbId, turn) => request(`rooms/${dbId}/summaries/${turn}?${owner()}`, { method: "DELETE" });

const pageOf = (dbId, after, limit, signal) => json(`rooms/${dbId}?${owner()}&after=${after}&limit=${limit}`, { signal });

/** What a room remembers beside its turns; an older service tells nothing of it. */
const memoryIn = ({ facts = [], summaries = [] }) => ({ facts, summaries });

/** The pinned facts of a room, and the summaries of its current path. */
export const memoryOf = async (dbId) => memoryIn(await pageOf(dbId, 0, 1));

/** The same with the turns of the path that were stored after the index `from`, oldest first. */
export async function readRoom(dbId, { from = 0, signal } = {}) {
  const turns = [];
  let page = null;
  for (let next = from; next !== null; next = page.next_after) {
    page = await pageOf(dbId, next, 200, signal);
    turns.push(...page.turns);
  }
  return { turns, ...memoryIn(page) };
}

export const turnsOf = async (dbId, options) => (await readRoom(dbId, options)).turns;

/** The models of the service as {id, name, unusable}, the local one first; `unusable` says why it cannot be asked, or null. */
export async function models() {
  const { data, unusable = [] } = await json("v1/models");
  const known = [...data, ...unusable].map(({ id, owned_by: name, reason = null }) => ({ id, name, unusable: reason }));
  return known.sort((a, b) => (b.id === "Llama") - (a.id === "Llama"));
}

/** Whether another page of the suite answers; on a service's own port there is only that service. */
export async function exists(path) {
  try {
    return (await fetch(path, { method: "HEAD", credentials: "omit" })).ok;
  } catch {
    return false;
  }
}

export { json, owner, request };
