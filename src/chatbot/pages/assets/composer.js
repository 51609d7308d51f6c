// The question: its field, its counter, and Enter that respects a Hangul syllable in the making.

import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { lengthOf } from "./plaintext.js";
import { session } from "./store.js";

export const QUESTION_LIMIT = 500;

// On a touch keyboard Enter makes a line and the button sends: there is no Shift to hold.
const touchOnly = matchMedia("(hover: none) and (pointer: coarse)");

export class Composer {
  /**
   * `send(question, edited)` asks, `ready()` says whether a question may be sent now, `recall()` puts the last
   * question back; `draft` names where an unsent question outlives a reload.
   */
  constructor({ send, ready, recall, draft }) {
    this.hooks = { send, ready, recall };
    this.draft = draft;
    this.field = byId("question");
    this.edited = false;
    this.field.addEventListener("input", () => this.update());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    byId("cancel-edit").onclick = () => this.set("", false);
    this.field.enterKeyHint = touchOnly.matches ? "enter" : "send";
    this.set(session.get(draft) ?? "", false);
  }

  #key(event) {
    if (event.key === "ArrowUp" && !this.field.value && !event.isComposing) {
      event.preventDefault();
      this.hooks.recall();
    }
    // keyCode 229 is how Safari marks the Enter that ends a composition.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229 || touchOnly.matches) return;
    event.preventDefault();
    this.submit();
  }

  get question() {
    return this.field.value.trim();
  }

  get #sendable() {
    const length = lengthOf(this.question);
    return length > 0 && length <= QUESTION_LIMIT && this.hooks.ready();
  }

  submit() {
    if (!this.#sendable) return;
    const { question, edited } = this;
    this.set("", false);
    this.hooks.send(question, edited);
  }

  /** Put a text into the field; `edited` marks it as a rewrite of the last question. */
  set(text, edited) {
    this.field.value = text;
    this.edited = edited;
    byId("editing").hidden = !edited;
    this.update();
  }

  focus() {
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }

  update() {
    const length = lengthOf(this.question);
    const count = byId("count");
    count.textContent = t("count", { count: length, limit: QUESTION_LIMIT });
    count.classList.toggle("over", length > QUESTION_LIMIT);
    this.field.setAttribute("aria-invalid", String(length > QUESTION_LIMIT));
    byId("send").disabled = !this.#sendable;
    session.set(this.draft, this.field.value);
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
