// The path of a room as the page shows it: its turns in their order, and which stored turns the page knows.

import { answers } from "./pending.js";
import { Turn } from "./turn.js";

export class Path {
  /** The turns, first to last. */
  turns = [];
  /** The stored turn at which the room's path ends; null: there is none. */
  end = null;
  #known = new Set(); // The ids of all turns that the page knows to be stored.

  /** `speaker(askedWith)` gives the name that answers such fields, `grown()` is called when the list got longer. */
  constructor(list, { speaker, grown }) {
    Object.assign(this, { list, speaker, grown });
  }

  clear() {
    this.turns = [];
    this.end = null;
    this.#known = new Set();
    this.list.replaceChildren();
  }

  get last() {
    return this.turns.at(-1) ?? null;
  }

  /** What it was last asked with beside the question; null when it does not say. */
  get askedWith() {
    return this.turns.findLast(({ askedWith }) => askedWith)?.askedWith ?? null;
  }

  /** The highest index that the page knows of. */
  get lastIndex() {
    return Math.max(0, ...this.turns.map(({ index }) => index));
  }

  get known() {
    return [...this.#known];
  }

  /** A question is gone on with that was asked when only these turns were known. */
  set known(ids) {
    this.#known = new Set(ids);
  }

  /** Whether a stored turn is that of a question that has just been asked. */
  answers(stored, question) {
    return answers(stored, question, this.#known);
  }

  add(question, properties) {
    const speaker = this.speaker(properties.fields ?? properties.askedWith ?? this.askedWith);
    const turn = new Turn(question, { speaker, grown: this.grown, ...properties });
    this.turns.push(turn);
    this.list.append(turn.view.element);
    return turn;
  }

  /** Take turns off the page; gives them. */
  drop(from, count = Infinity) {
    const gone = this.turns.splice(from, count);
    for (const turn of gone) turn.view.element.remove();
    return gone;
  }

  /** Take note of a turn whose question has ended: it is the room's end if it was stored, and says nothing of it if it failed. */
  ended(turn) {
    if (!turn.complete) turn.askedWith = null;
    if (!turn.id || !this.turns.includes(turn)) return;
    this.#known.add(turn.id);
    this.end = turn.id;
  }

  /**
   * Show the stored turns of a path; those that are shown already keep their views, questions without an answer their text.
   * Gives the turns that are gone.
   */
  show(stored) {
    const unsent = this.turns.filter(({ complete, siblings }) => !complete && !siblings.length);
    this.turns = this.turns.filter((turn) => !unsent.includes(turn));
    let same = 0;
    while (same < stored.length && stored[same].id === this.turns[same]?.id) {
      this.turns[same].standAmong(stored[same]);
      same += 1;
    }
    const gone = this.drop(same);
    for (const each of stored.slice(same)) this.add(each.input_data, { askedWith: each.asked_with }).show(each);
    for (const turn of unsent) {
      turn.aim = {};
      this.turns.push(turn);
      this.list.append(turn.view.element);
    }
    for (const { siblings } of stored) siblings.forEach((id) => this.#known.add(id));
    this.end = stored.at(-1)?.id ?? null;
    return gone;
  }
}
