// The author's note of a room: what the user wishes there, sent with each question and remembered by the room.

import { button, confirmed, make } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./i18n.js";
import { readJson, session, writeJson } from "./store.js";

const NOTE_CHARS = 1000;
// What was written and not asked with yet, by room; this tab remembers it as it does the question that is being written.
const UNSENT = "chatbot.unsent_notes";
const UNNAMED = "new";

export class AuthorNote {
  #room = UNNAMED;
  #stored = "";

  /** `changed()` is called when another note was written. */
  constructor(changed) {
    this.changed = changed;
    this.dialog = make("dialog", { id: "note" });
    this.dialog.setAttribute("aria-labelledby", "note-title");
    // Escape closes a dialog: not one in which something was written.
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    document.body.append(this.dialog);
  }

  /** The note of the room on the page. */
  get text() {
    return this.#unsent(this.#room) ?? this.#stored;
  }

  get fields() {
    return this.text ? { author_note: this.text } : {};
  }

  get button() {
    return button(t(this.text ? "noteSet" : "note"), () => this.edit(), "quiet small");
  }

  #unsent(room) {
    return readJson(UNSENT, {}, session)[room] ?? null;
  }

  /** Remember what was written for a room; null: nothing is left to be sent. */
  #remember(room, text) {
    const { [room]: _, ...others } = readJson(UNSENT, {}, session);
    writeJson(UNSENT, text === null ? others : { ...others, [room]: text }, session);
  }

  #move(from, to) {
    const text = this.#unsent(from);
    this.#remember(from, null);
    if (text !== null) this.#remember(to, text);
    this.#room = to;
  }

  /** A new room has none. */
  begin() {
    this.#remember(UNNAMED, null);
    this.take(null, "");
  }

  /** A room is on the page whose path was last asked with this note; one that was written there since then stays. */
  take(dbId, stored) {
    this.#room = dbId ?? UNNAMED;
    this.#stored = stored;
  }

  /** A question with this note was answered. */
  sent(text) {
    if (this.#unsent(this.#room) !== text) return;
    this.#remember(this.#room, null);
    this.#stored = text;
  }

  /** The service has named the new room. */
  named(dbId) {
    this.#move(UNNAMED, dbId);
  }

  /** The room has lost its last turn: what was written for it is there for the next one. */
  emptied(dbId) {
    this.#move(dbId, UNNAMED);
  }

  /** A room is gone, and what was written for it. */
  forget(dbId) {
    this.#remember(dbId, null);
  }

  /** Leave nothing of a user's for the next one. */
  forgetAll() {
    session.remove(UNSENT);
    this.dialog.replaceChildren();
  }

  edit() {
    this.written = field({ label: t("note"), value: this.text, rows: 5, limit: NOTE_CHARS, hint: t("noteHint") });
    const form = make(
      "form",
      { autocomplete: "off" },
      make("h2", { id: "note-title" }, t("noteOf")),
      this.written.element,
      make(
        "div",
        { className: "actions" },
        button(t("cancel"), () => this.#close(), "quiet"),
        make("button", { type: "submit", className: "primary" }, t("save")),
      ),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#save();
    };
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }

  async #close() {
    if (this.written.value !== this.text && !(await confirmed(t("discard"), t("discardYes")))) return;
    this.dialog.close();
  }

  #save() {
    const { over, input, value } = this.written;
    if (over) return input.focus();
    this.#remember(this.#room, value === this.#stored ? null : value);
    this.dialog.close();
    this.changed();
  }
}
