// One conversation: the turns of a room's current path, one question at a time, and what can be done with a turn.

import { ServiceError, changeRoom, memoryOf, readRoom } from "./api.js";
import { Asking } from "./asking.js";
import { CutLine } from "./cutline.js";
import { toast } from "./dom.js";
import { Path } from "./path.js";
import { answers, pending } from "./pending.js";
import { RoomChanges } from "./roomchanges.js";
import { settings } from "./store.js";

export class Conversation {
  #asking = null;
  #opening = null; // What names the room that is being read; another one, or none, has overtaken it.
  #pending = null;

  /**
   * `hooks.request()` gives the alias and the fields of a question beside its text, `hooks.speaker(askedWith)` the name
   * that answers such fields; `hooks.changed(what)` is called for "busy", "room", "turn", "path", "memory" and "gone",
   * `hooks.grown()` when the list got longer, `hooks.edit(turn)` to put a turn's question back into the composer, `hooks.pin(text)`
   * to pin what is selected; `hooks.mayAsk()` says whether there is somebody to ask.
   */
  constructor(list, hooks) {
    this.hooks = hooks;
    this.path = new Path(list, hooks);
    this.changes = new RoomChanges(this);
    this.cutLine = new CutLine({ room: () => this.dbId, changed: () => this.#remember(({ message }) => toast(message)) });
    this.left = pending.read(); // The question that a reload has cut off.
    this.#clear();
  }

  get turns() {
    return this.path.turns;
  }

  /** The room, once a turn of it is stored; null: there is none that could be changed. */
  get storedRoom() {
    return this.path.end && this.dbId;
  }

  /** What entered the last prompt that this page has asked for; null: it has asked for none. */
  get report() {
    return this.turns.findLast(({ report }) => report)?.report ?? null;
  }

  /** Whether an answer is under way, which can be stopped. */
  get answering() {
    return this.#asking !== null;
  }

  /** Whether a question has to wait. */
  get busy() {
    return this.answering || this.changes.busy || this.#opening !== null;
  }

  /** An empty conversation; a running answer is stopped. */
  reset() {
    this.stop();
    pending.forget();
    this.#clear();
  }

  #clear() {
    this.#opening = null;
    this.dbId = null;
    this.path.clear();
    this.facts = []; // What is pinned to the room.
    this.summaries = []; // Of beginnings of its path.
  }

  stop() {
    this.#asking?.stop();
    this.#asking = null;
  }

  /** Put the last question back to be edited, if there is one and none is under way. */
  recall() {
    if (this.path.last && !this.busy) this.hooks.edit(this.path.last);
  }

  /** Take what the room remembers beside its turns. */
  take({ facts = this.facts, summaries = this.summaries }) {
    Object.assign(this, { facts, summaries });
    this.cutLine.draw(this.turns, this.summaries);
    this.hooks.changed("memory");
  }

  /** Ask what the room remembers now; `failed(error)` is called when nothing tells. */
  async #remember(failed) {
    const { dbId } = this;
    const memory = await memoryOf(dbId).catch(failed);
    if (memory && dbId === this.dbId) this.take(memory);
  }

  /**
   * Show a stored room, on a path through `turn` if one is named. A question waits until it is there; false when the user
   * has gone elsewhere meanwhile.
   */
  async open(dbId, turn = null) {
    const opening = (this.#opening = {});
    this.hooks.changed("busy");
    try {
      const stored = await this.#read(dbId, turn);
      if (opening !== this.#opening) return false;
      this.reset();
      this.dbId = dbId;
      this.show(stored);
      this.resume();
      return true;
    } catch (error) {
      if (opening !== this.#opening) return false;
      throw error;
    } finally {
      if (opening === this.#opening) this.#opening = null;
      // An answer may have ended meanwhile.
      this.offer();
      this.hooks.changed("busy");
    }
  }

  /** A room as it is stored; one whose first question a reload has cut off may have no turns. */
  async #read(dbId, turn) {
    try {
      const stored = await readRoom(dbId);
      if (!turn || stored.turns.some(({ id }) => id === turn)) return stored;
      await changeRoom(dbId, { leaf: turn });
      return await readRoom(dbId);
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404 && this.left?.dbId === dbId) return { turns: [] };
      throw error;
    }
  }

  /** Take up the question that a reload has cut off, if it belongs here and has no answer yet. */
  resume() {
    const { left } = this;
    this.left = null;
    if (!left || left.dbId !== this.dbId) return;
    const known = new Set(left.known);
    const { after, ...aim } = left.aim;
    if (this.turns.some((turn) => answers({ id: turn.id, input_data: turn.question }, left.question, known))) return;
    this.path.known = left.known;
    const named = aim.edit ?? aim.regenerate ?? aim.continue;
    const instead = this.turns.find(({ id }) => id === named) ?? null;
    this.#start(left.question, instead ? aim : {}, instead, left);
  }

  /** Bring a turn into sight and to the keyboard. */
  find(id) {
    this.turns.find((turn) => turn.id === id)?.view.find();
  }

  /** Ask a question at the end of the path; `edited` is the turn whose question it was before, or null. */
  ask(question, edited = null) {
    if (edited?.id && !settings.forget) return this.#start(question, { edit: edited.id }, edited);
    if (edited && !edited.complete) return this.#retry(edited, question);
    const after = this.turns.findLast(({ id }) => id)?.id ?? null;
    // The service finds the end itself, even while its database is away; an attempt that failed may have left it.
    return this.#start(question, settings.forget || after === this.path.end ? {} : { after });
  }

  /** Draw every turn's buttons, and the line of the cut, anew, in the page's language. */
  offer() {
    this.turns.forEach((turn) => this.#offer(turn));
    this.cutLine.draw(this.turns, this.summaries);
  }

  /** Try a turn again that never got its answer, maybe with another question. */
  #retry(turn, question = turn.question) {
    const named = turn.aim.regenerate ?? turn.aim.continue;
    return this.#start(question, named && question !== turn.question ? { edit: named } : turn.aim, turn);
  }

  /** Ask, in the place of `instead` if there is one; `left` is what a reload has cut off, which is gone on with. */
  async #start(question, aim = {}, instead = null, left = null) {
    if (this.busy || (!left && !this.hooks.mayAsk())) return;
    // At the room's end nothing else makes way; in another place what followed is on another path then.
    if (instead) this.drop(this.turns.indexOf(instead), Object.keys(aim).length ? Infinity : 1);
    const begun = aim.continue ? (instead.begun || instead.view.text) : "";
    const { alias, fields } = { ...this.hooks.request(), ...left };
    const turn = this.path.add(question, { aim, begun, ...instead?.behind, alias, fields });
    const asking = (this.#asking = new Asking(turn, this, left?.answer));
    this.hooks.changed("busy");
    this.offer();
    this.#pending = turn;
    this.#keepPending();
    try {
      await (left ? asking.resume() : asking.run());
    } finally {
      // A conversation that was reset or stopped meanwhile may already run its next question.
      if (this.#asking === asking) this.#asking = null;
    }
    this.#stored(turn);
    this.hooks.changed("busy");
    if (asking.leftBehind) {
      await asking.keepLeftBehind();
      this.#stored(turn);
    }
    this.hooks.changed("turn");
    // A summary may have been made of what the answer's prompt had no room for.
    if (turn.id && this.turns.includes(turn) && this.cutLine.element.isConnected) this.#remember(() => {});
  }

  /** Take note of a turn whose question has ended. */
  #stored(turn) {
    if (turn.complete && turn === this.#pending) pending.forget();
    this.path.ended(turn);
    this.offer();
  }

  /** Let the question that is asked outlive a reload. */
  #keepPending() {
    const { question, aim, alias, fields } = this.#pending;
    const answer = this.#asking?.answer?.id ?? null;
    pending.keep({ dbId: this.dbId, question, aim, alias, fields, answer, known: this.path.known });
  }

  /** What `Asking` tells when the service has taken the question: its room, if it has one, and the answer have names. */
  opened(dbId) {
    const named = dbId && dbId !== this.dbId;
    if (named) this.dbId = dbId;
    this.#keepPending();
    if (named) this.hooks.changed("room");
  }

  /** What `Asking` asks of the path: its highest index, and whether a stored turn is that of a question just asked. */
  get lastIndex() {
    return this.path.lastIndex;
  }

  answers(stored, question) {
    return this.path.answers(stored, question);
  }

  /** Take turns off the page. */
  drop(from, count) {
    this.#forget(this.path.drop(from, count));
  }

  /** Turns are off the page: a question among them is not to come back by a reload. */
  #forget(turns) {
    if (turns.includes(this.#pending)) pending.forget();
  }

  /** Show a room as it is stored. */
  show({ turns, ...memory }) {
    this.#forget(this.path.show(turns));
    this.offer();
    this.take(memory);
  }

  /** The buttons of a turn. */
  #offer(turn) {
    const { question, complete, reason } = turn;
    // Where nothing is to be stored, the service is told of no user: it knows no stored turn then.
    const id = settings.forget ? null : turn.id;
    const idle = !this.busy;
    const mayAsk = this.hooks.mayAsk();
    const again = id ? () => this.#start(question, { regenerate: id }, turn) : () => this.#start(question);
    const goesOn = id && turn === this.path.last && ["stopped", "length"].includes(reason);
    turn.view.offer({
      idle,
      edit: () => this.hooks.edit(turn),
      remove: () => this.changes.remove(turn),
      again: complete && mayAsk ? again : null,
      retry: complete || !mayAsk ? null : () => this.#retry(turn),
      proceed: goesOn && mayAsk ? () => this.#start(question, { continue: id }, turn) : null,
      pin: id ? this.hooks.pin : null,
      swipe: turn.count > 1 ? { place: turn.place, count: turn.count, go: (by) => this.changes.turnTo(turn, by) } : null,
    });
    turn.view.actions.hidden = this.#asking?.turn === turn;
  }
}
