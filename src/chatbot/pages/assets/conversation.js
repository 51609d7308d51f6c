// One conversation: the turns of a room's current path, one question at a time, and what can be done with a turn.

import { ServiceError, changeRoom, deleteTurn, turnsOf } from "./api.js";
import { Asking } from "./asking.js";
import { confirmed, toast } from "./dom.js";
import { t } from "./i18n.js";
import { answers, pending } from "./pending.js";
import { Turn } from "./turn.js";

export class Conversation {
  #asking = null;
  #changing = false;
  #known = new Set();
  #end = null;
  #pending = null;

  /**
   * `hooks.request()` gives the alias and the fields of a question beside its text, `hooks.speaker(askedWith)` the name
   * that answers such fields; `hooks.changed(what)` is called for "busy", "room", "turn", "path" and "gone", `hooks.grown()` when the list
   * got longer, `hooks.edit(turn)` to put a turn's question back into the composer; `hooks.mayAsk()` says whether there is somebody to ask.
   */
  constructor(list, hooks) {
    this.list = list;
    this.hooks = hooks;
    this.left = pending.read(); // The question that a reload has cut off.
    this.reset();
  }

  /** The first question on the page, which names a room that is not stored yet. */
  get firstQuestion() {
    return this.turns[0]?.question ?? "";
  }

  get last() {
    return this.turns.at(-1) ?? null;
  }

  /** What the path was last asked with beside the question; null when it does not say. */
  get askedWith() {
    return this.turns.findLast(({ askedWith }) => askedWith)?.askedWith ?? null;
  }

  /** Whether an answer is under way, which can be stopped. */
  get answering() {
    return this.#asking !== null;
  }

  /** Whether a question has to wait. */
  get busy() {
    return this.answering || this.#changing;
  }

  /** An empty conversation; a running answer is stopped. */
  reset() {
    this.stop();
    pending.forget();
    this.dbId = null;
    this.turns = [];
    this.#known = new Set(); // The ids of all turns that the page knows to be stored.
    this.#end = null; // The one at which the room's path ends.
    this.list.replaceChildren();
  }

  stop() {
    this.#asking?.stop();
    this.#asking = null;
  }

  /** Put the last question back to be edited, if there is one and none is under way. */
  recall() {
    if (this.last && !this.busy) this.hooks.edit(this.last);
  }

  /** Show a stored room, on a path through `turn` if one is named. */
  async open(dbId, turn = null) {
    let stored = await this.#read(dbId);
    if (turn && !stored.some(({ id }) => id === turn)) {
      await changeRoom(dbId, { leaf: turn });
      stored = await turnsOf(dbId);
    }
    this.reset();
    this.dbId = dbId;
    this.#show(stored);
    this.resume();
  }

  /** The turns of a room's path; a room whose first question a reload has cut off may have none. */
  async #read(dbId) {
    try {
      return await turnsOf(dbId);
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404 && this.left?.dbId === dbId) return [];
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
    this.#known = known;
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
    if (edited?.id) return this.#start(question, { edit: edited.id }, edited);
    if (edited && !edited.complete) return this.#retry(edited, question);
    const after = this.turns.findLast(({ id }) => id)?.id ?? null;
    // The service finds the end itself, even while its database is away; an attempt that failed may have left it.
    return this.#start(question, after === this.#end ? {} : { after });
  }

  /** Draw every turn's buttons anew, in the page's language. */
  offer() {
    this.turns.forEach((turn) => this.#offer(turn));
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
    if (instead) this.#cut(this.turns.indexOf(instead), Object.keys(aim).length ? Infinity : 1);
    const begun = aim.continue ? (instead.begun || instead.view.text) : "";
    const { alias, fields } = { ...this.hooks.request(), ...left };
    const turn = this.#add(question, { aim, begun, siblings: instead?.siblings, alias, fields });
    const asking = (this.#asking = new Asking(turn, this, left?.answer));
    this.hooks.changed("busy");
    this.offer();
    this.#pending = turn;
    this.#keepPending();
    await (left ? asking.resume() : asking.run());
    // A conversation that was reset or stopped meanwhile may already run its next question.
    if (this.#asking === asking) this.#asking = null;
    this.#stored(turn);
    this.hooks.changed("busy");
    if (asking.leftBehind) {
      await asking.keepLeftBehind();
      this.#stored(turn);
    }
    this.hooks.changed("turn");
  }

  /** Take note of a turn whose question has ended: it is the room's end if it was stored. */
  #stored(turn) {
    if (turn.complete && turn === this.#pending) pending.forget();
    if (turn.id && this.turns.includes(turn)) {
      this.#known.add(turn.id);
      this.#end = turn.id;
    }
    this.offer();
  }

  /** Let the question that is asked outlive a reload. */
  #keepPending() {
    const { question, aim, alias, fields } = this.#pending;
    const answer = this.#asking?.answer?.id ?? null;
    pending.keep({ dbId: this.dbId, question, aim, alias, fields, answer, known: [...this.#known] });
  }

  /** What `Asking` tells when the service has taken the question: its room, if it has one, and the answer have names. */
  opened(dbId) {
    const named = dbId && dbId !== this.dbId;
    if (named) this.dbId = dbId;
    this.#keepPending();
    if (named) this.hooks.changed("room");
  }

  /** The highest index that the page knows of. */
  get lastIndex() {
    return Math.max(0, ...this.turns.map(({ index }) => index));
  }

  /** Whether a stored turn is that of a question that has just been asked. */
  answers(stored, question) {
    return answers(stored, question, this.#known);
  }

  #add(question, properties) {
    const speaker = this.hooks.speaker(properties.fields ?? properties.askedWith ?? this.askedWith);
    const turn = new Turn(question, { speaker, grown: this.hooks.grown, ...properties });
    this.turns.push(turn);
    this.list.append(turn.view.element);
    return turn;
  }

  #cut(from, count = Infinity) {
    for (const turn of this.turns.splice(from, count)) {
      turn.view.element.remove();
      if (turn === this.#pending) pending.forget();
    }
  }

  /** Show the stored turns of a path; those that are shown already keep their views, questions without an answer their text. */
  #show(stored) {
    const unsent = this.turns.filter(({ complete, siblings }) => !complete && !siblings.length);
    this.turns = this.turns.filter((turn) => !unsent.includes(turn));
    let same = 0;
    while (same < stored.length && stored[same].id === this.turns[same]?.id) {
      this.turns[same].siblings = stored[same].siblings;
      same += 1;
    }
    this.#cut(same);
    for (const each of stored.slice(same)) this.#add(each.input_data, { askedWith: each.asked_with }).show(each);
    for (const turn of unsent) {
      turn.aim = {};
      this.turns.push(turn);
      this.list.append(turn.view.element);
    }
    for (const { siblings } of stored) siblings.forEach((id) => this.#known.add(id));
    this.#end = stored.at(-1)?.id ?? null;
    this.offer();
  }

  /** Change what is stored and show the path that the room has then; true when it is done. */
  async #change(act) {
    if (this.busy) return false;
    const { dbId } = this;
    this.#changing = true;
    this.hooks.changed("busy");
    let done = true;
    try {
      await act(dbId);
    } catch (error) {
      done = false;
      toast(error.message);
    }
    await this.#readAgain(dbId);
    this.#changing = false;
    this.offer();
    this.hooks.changed("busy");
    this.hooks.changed("path");
    return done;
  }

  /** Show the path that a room has now, if it is still the one on the page. */
  async #readAgain(dbId) {
    try {
      const stored = await turnsOf(dbId);
      if (dbId === this.dbId) this.#show(stored);
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404 && dbId === this.dbId) this.hooks.changed("gone");
      else toast(error.message);
    }
  }

  /** Go to the sibling that stands `by` places on. */
  async #turnTo(turn, by) {
    const at = this.turns.indexOf(turn);
    if (await this.#change((dbId) => changeRoom(dbId, { leaf: turn.siblings[turn.place + by] }))) this.turns[at]?.view.focusSwipe(by);
  }

  async #remove(turn) {
    const question = turn === this.last ? "confirmDeleteTurn" : "confirmDeleteTurns";
    if (!(await confirmed(t(question)))) return;
    if (turn.id) await this.#change((dbId) => deleteTurn(dbId, turn.id));
    else if (turn.siblings.length) await this.#change(async () => {});
    else this.#cut(this.turns.indexOf(turn), 1);
    this.hooks.changed("turn");
  }

  /** The buttons of a turn. */
  #offer(turn) {
    const { id, question, complete, reason } = turn;
    const idle = !this.busy;
    const mayAsk = this.hooks.mayAsk();
    const again = id ? () => this.#start(question, { regenerate: id }, turn) : () => this.#start(question);
    const goesOn = id && turn === this.last && ["stopped", "length"].includes(reason);
    turn.view.offer({
      idle,
      edit: () => this.hooks.edit(turn),
      remove: () => this.#remove(turn),
      again: complete && mayAsk ? again : null,
      retry: complete || !mayAsk ? null : () => this.#retry(turn),
      proceed: goesOn && mayAsk ? () => this.#start(question, { continue: id }, turn) : null,
      swipe: turn.count > 1 ? { place: turn.place, count: turn.count, go: (by) => this.#turnTo(turn, by) } : null,
    });
    turn.view.actions.hidden = this.#asking?.turn === turn;
  }
}
