// What the page knows of one turn: its question, its place in the room's tree, and its view.

import { TurnView } from "./turnview.js";

export class Turn {
  /** The id under which it is stored; null: it is not. */
  id = null;
  /** Why its answer ended; null: it has not. */
  reason = null;
  complete = false;
  /** Its number in the order of storing; 0: not known. */
  index = 0;
  /** How many stored turns stand in its place behind those of `siblings`. */
  after = 0;
  /** How many of the turns right before it entered its prompt; null: not known. */
  turnsRead = null;
  /** What entered its prompt; null: it was not asked by this page. */
  report = null;

  /**
   * `aim` names a turn as a request does: {edit}, {regenerate}, {continue} or nothing; `siblings` are the ids of the
   * stored turns in its place, `before` of which stand in front of these; `begun` is what its answer begins with; `alias` and
   * `fields` go into its request.
   */
  constructor(question, { speaker, grown, aim = {}, siblings = [], before = 0, begun = "", alias = "", fields = {} }) {
    Object.assign(this, { question, aim, siblings, before, begun, alias, fields });
    /** What its request had beside the question; null: as the turns before it, or it failed. */
    this.askedWith = fields;
    this.view = new TurnView(question, speaker, grown);
    if (begun) this.view.begin(begun);
  }

  /** Its place among its siblings, from 0; one that is not stored stands behind them. */
  get place() {
    return this.before + (this.id ? this.siblings.indexOf(this.id) : this.siblings.length);
  }

  /** How many stand in its place, itself included. */
  get count() {
    return this.before + this.siblings.length + this.after + (this.id ? 0 : 1);
  }

  /** Where a turn stands that is asked in its place: behind all of them, of which the last may not be told. */
  get behind() {
    return { siblings: this.siblings, before: this.before + this.after };
  }

  /** The id of the sibling that stands `by` places on; those next to it are always told. */
  sibling(by) {
    return this.siblings[this.place - this.before + by];
  }

  /** Take what a room's page tells of its siblings: of many the nearest, and how many stand before and after these. */
  standAmong({ siblings, siblings_before: before = 0, siblings_after: after = 0 }) {
    Object.assign(this, { siblings, before, after });
  }

  /** Show what is stored. */
  show({ id, index, output_data: answer, model, finish_reason: reason, asked_with: askedWith, turns_read: turnsRead = null, ...place }) {
    this.view.begin(answer);
    this.standAmong(place);
    Object.assign(this, { index, askedWith, turnsRead });
    this.#ended(id, reason, { model, finish_reason: reason });
  }

  /** Take the data of the done event. */
  finish(done) {
    const stored = done.turn_id && !done.history?.startsWith("deleted") ? done.turn_id : null;
    if (stored) this.siblings = [...this.siblings, stored];
    this.report = done.prompt_report ?? null;
    // Where not all turns could be recalled, those that entered do not tell where the path was cut.
    this.turnsRead = done.history?.endsWith("-partial") ? null : (this.report?.kept_turns.length ?? null);
    this.#ended(stored, done.finish_reason, done);
  }

  #ended(id, reason, meta) {
    Object.assign(this, { id, reason, complete: true, aim: {}, begun: "" });
    this.view.finish(meta);
  }
}
