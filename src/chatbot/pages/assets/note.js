// The author's note of a room: what the user wishes there, sent with each question and remembered by the room.

import { button, make } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./i18n.js";

const NOTE_CHARS = 1000;

export class AuthorNote {
  text = "";

  /** `changed()` is called when another note was written. */
  constructor(changed) {
    this.changed = changed;
    this.dialog = make("dialog", { id: "note" });
    this.dialog.setAttribute("aria-labelledby", "note-title");
    document.body.append(this.dialog);
  }

  get fields() {
    return this.text ? { author_note: this.text } : {};
  }

  get button() {
    return button(t(this.text ? "noteSet" : "note"), () => this.edit(), "quiet small");
  }

  edit() {
    const written = field({ label: t("note"), value: this.text, rows: 5, limit: NOTE_CHARS, hint: t("noteHint") });
    const form = make(
      "form",
      { autocomplete: "off" },
      make("h2", { id: "note-title" }, t("noteOf")),
      written.element,
      make(
        "div",
        { className: "actions" },
        button(t("cancel"), () => this.dialog.close(), "quiet"),
        make("button", { type: "submit", className: "primary" }, t("save")),
      ),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      if (written.over) return written.input.focus();
      this.text = written.value;
      this.dialog.close();
      this.changed();
    };
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }
}
