// The author's note of a room: what the user wishes there, sent with each question and remembered by the room.

import { button } from "./dom.js";
import { field } from "./fields.js";
import { FormDialog } from "./formdialog.js";
import { t } from "./i18n.js";
import { Unsent } from "./unsent.js";

const NOTE_CHARS = 1000;

export class AuthorNote {
  #stored = "";

  /** `changed()` is called when another note was written. */
  constructor(changed) {
    this.changed = changed;
    this.dialog = new FormDialog("note");
    // What stands in the form is of the room that it was opened for.
    this.unsent = new Unsent("chatbot.unsent_notes", () => this.dialog.clear());
  }

  /** The note of the room on the page. */
  get text() {
    return this.unsent.value ?? this.#stored;
  }

  get fields() {
    return this.text ? { author_note: this.text } : {};
  }

  get button() {
    return button(t(this.text ? "noteSet" : "note"), () => this.edit(), "quiet small");
  }

  /** A new room has none. */
  begin() {
    this.unsent.begin();
    this.#stored = "";
  }

  /** A room is on the page whose path was last asked with this note; one that was written there since then stays. */
  take(dbId, stored) {
    this.unsent.enter(dbId);
    this.#stored = stored;
  }

  /** A question was answered, and the path is asked with this note now; what was written meanwhile is still to be sent. */
  sent(stored) {
    const { text } = this;
    this.#stored = stored;
    this.unsent.value = text === stored ? null : text;
  }

  /** Leave nothing of a user's for the next one. */
  forgetAll() {
    this.unsent.forgetAll();
    this.dialog.clear();
  }

  edit() {
    const written = field({ label: t("note"), value: this.text, rows: 5, limit: NOTE_CHARS, hint: t("noteHint") });
    this.dialog.open({
      title: t("noteOf"),
      parts: [written.element],
      written: () => written.value !== this.text,
      save: () => this.#save(written),
    });
  }

  #save({ over, input, value }) {
    if (over) {
      input.focus();
      return false;
    }
    // What was unsent may be on its way: what takes its place is then not what is stored, even if it was that before.
    this.unsent.value = this.unsent.value === null && value === this.#stored ? null : value;
    this.changed();
    return true;
  }
}
