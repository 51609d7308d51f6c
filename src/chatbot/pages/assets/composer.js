// The question: its field, its counter, and Enter that respects a Hangul syllable in the making.

import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { lengthOf } from "./plaintext.js";
import { session } from "./store.js";

export const QUESTION_LIMIT = 500;

// A Hangul syllable is complete as it stands; what other input methods compose, Enter chooses and does not send.
const HANGUL_END = /[가-힣ㄱ-ㅎㅏ-ㅣ]$/;

// On a touch keyboard Enter makes a line and the button sends: there is no Shift to hold.
const touchOnly = matchMedia("(hover: none) and (pointer: coarse)");

export class Composer {
  #enterPressed = false; // While a syllable was in the making.
  #hangulEnded = false; // The last composition, by a syllable.
  #before = ""; // What stood in the field before a question was put there to be rewritten.

  /**
   * `send(question, edited)` asks, in the place of the turn `edited` if there is one; `ready()` says whether a question may
   * be sent now, `refused()` is told of one that was not, `recall()` puts the last question back; `draft` names where an unsent question outlives a reload.
   */
  constructor({ send, ready, refused, recall, draft }) {
    this.hooks = { send, ready, refused, recall };
    this.draft = draft;
    this.field = byId("question");
    this.edited = null;
    this.field.addEventListener("input", () => this.update());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("compositionend", (event) => this.#composed(event));
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    byId("cancel-edit").onclick = () => this.leaveEdit();
    this.field.enterKeyHint = touchOnly.matches ? "enter" : "send";
    this.set(session.get(draft) ?? "");
  }

  #key(event) {
    if (event.key === "ArrowUp" && !this.field.value && !event.isComposing) {
      event.preventDefault();
      this.hooks.recall();
    }
    const enter = event.key === "Enter" || event.code === "Enter" || event.code === "NumpadEnter";
    this.#enterPressed = enter && event.isComposing && !event.shiftKey;
    if (!enter || event.shiftKey || event.isComposing || touchOnly.matches) return;
    // Safari ends the composition before the Enter that ended it, which only its key code tells.
    if (event.keyCode === 229 && !this.#hangulEnded) return;
    event.preventDefault();
    this.submit();
  }

  /**
   * An Enter that came in the middle of a syllable sends once the syllable is in the field. Some systems give that Enter
   * again as a key of its own: by then the field is empty, and nothing is sent twice.
   */
  #composed({ data }) {
    this.#hangulEnded = HANGUL_END.test(data);
    const sends = this.#enterPressed && this.#hangulEnded && !touchOnly.matches;
    this.#enterPressed = false;
    if (sends) setTimeout(() => this.submit());
  }

  get question() {
    return this.field.value.trim();
  }

  get #sendable() {
    const length = lengthOf(this.question);
    return length > 0 && length <= QUESTION_LIMIT && this.hooks.ready();
  }

  submit() {
    if (!this.#sendable) return this.hooks.refused();
    const { question, edited } = this;
    this.set(edited ? this.#before : "");
    this.hooks.send(question, edited);
  }

  /** Give up rewriting a question: what stood in the field before is there again. */
  leaveEdit() {
    if (this.edited) this.set(this.#before);
  }

  /** Put a text into the field; `edited` is the turn whose question it rewrites. */
  set(text, edited = null) {
    if (edited && !this.edited) this.#before = this.field.value;
    this.edited?.view.mark(false);
    edited?.view.mark(true);
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
