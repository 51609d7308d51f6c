// What the user changes in a stored room: which of the answers in a place is on its path, and which turns are gone.

import { ServiceError, changeRoom, deleteTurn, readRoom } from "./api.js";
import { confirmed, toast } from "./dom.js";
import { t } from "./i18n.js";

export class RoomChanges {
  /** Whether a change is under way. */
  busy = false;

  /**
   * `room` is the conversation: its `dbId`, `busy`, `path` and `hooks`, `show(stored)` to show it as it is stored, `drop(from, count)`
   * to take turns off the page, and `offer()` to draw the turns' buttons anew.
   */
  constructor(room) {
    this.room = room;
  }

  /** Go to the sibling of a turn that stands `by` places on. */
  async turnTo(turn, by) {
    const { path } = this.room;
    const at = path.turns.indexOf(turn);
    if (await this.#change((dbId) => changeRoom(dbId, { leaf: turn.sibling(by) }))) path.turns[at]?.view.focusSwipe(by);
  }

  /** Delete a turn and what follows it, after a question. */
  async remove(turn) {
    const { path } = this.room;
    const question = turn === path.last ? "confirmDeleteTurn" : "confirmDeleteTurns";
    if (!(await confirmed(t(question)))) return;
    if (turn.id) await this.#change((dbId) => deleteTurn(dbId, turn.id));
    else if (turn.siblings.length) await this.#change(async () => {});
    else this.room.drop(path.turns.indexOf(turn), 1);
    this.room.hooks.changed("turn");
  }

  /** Change what is stored and show the path that the room has then; true when it is done. */
  async #change(act) {
    const { room } = this;
    if (room.busy) return false;
    const { dbId } = room;
    this.busy = true;
    room.hooks.changed("busy");
    let done = true;
    try {
      await act(dbId);
    } catch (error) {
      done = false;
      toast(error.message);
    }
    await this.#readAgain(dbId);
    this.busy = false;
    room.offer();
    room.hooks.changed("busy");
    room.hooks.changed("path");
    return done;
  }

  /** Show the path that a room has now, if it is still the one on the page. */
  async #readAgain(dbId) {
    const { room } = this;
    try {
      const stored = await readRoom(dbId);
      if (dbId === room.dbId) room.show(stored);
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404 && dbId === room.dbId) room.hooks.changed("gone");
      else toast(error.message);
    }
  }
}
