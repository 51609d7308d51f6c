// What was chosen for a room and not asked with yet: this tab remembers it, as it does the question that is being written.

import { readJson, session, writeJson } from "./store.js";

const UNNAMED = "new";

export class Unsent {
  #room = UNNAMED;

  /** `key` names where it outlives a reload; `left()` is called when another room comes onto the page. */
  constructor(key, left) {
    Object.assign(this, { key, left });
  }

  /** What is there for the room on the page; null: nothing is left to be sent. */
  get value() {
    return this.#of(this.#room);
  }

  set value(value) {
    this.#remember(this.#room, value);
  }

  #of(room) {
    return readJson(this.key, {}, session)[room] ?? null;
  }

  #remember(room, value) {
    const { [room]: _, ...others } = readJson(this.key, {}, session);
    writeJson(this.key, value === null ? others : { ...others, [room]: value }, session);
  }

  #move(from, to) {
    const value = this.#of(from);
    this.#remember(from, null);
    if (value !== null) this.#remember(to, value);
    this.#room = to;
  }

  /** Another room is on the page; null: one that has no name yet. */
  enter(dbId) {
    const room = dbId ?? UNNAMED;
    if (room !== this.#room) this.left();
    this.#room = room;
  }

  /** A new room has nothing. */
  begin() {
    this.left();
    this.#remember(UNNAMED, null);
    this.enter(null);
  }

  /** The service has named the new room. */
  named(dbId) {
    this.#move(UNNAMED, dbId);
  }

  /** The room has lost its last turn: what was there for it is there for the next one. */
  emptied(dbId) {
    this.#move(dbId, UNNAMED);
  }

  /** A room is gone, and what was there for it. */
  forget(dbId) {
    this.#remember(dbId, null);
  }

  /** Leave nothing of a user's for the next one. */
  forgetAll() {
    session.remove(this.key);
  }
}
