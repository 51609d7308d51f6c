// The line above which the model reads no more, and the summary that it reads in place of what stands there.

import { deleteSummary, putSummary } from "./api.js";
import { button, confirmed, make, toast } from "./dom.js";
import { field } from "./fields.js";
import { FormDialog } from "./formdialog.js";
import { t } from "./i18n.js";

const SUMMARY_CHARS = 4000;

/** The place of the first turn that the last answer's prompt held; 0: all of them, or nothing tells. */
function placeOf(turns) {
  const last = turns.findLastIndex(({ turnsRead }) => turnsRead !== null);
  return last < 0 ? 0 : Math.max(0, last - turns[last].turnsRead);
}

/** Of the summaries of these turns the one that covers most; null: there is none. */
function covering(turns, summaries) {
  const places = new Map(turns.map(({ id }, place) => [id, place]));
  const usable = summaries.filter(({ turn }) => places.has(turn));
  return usable.sort((a, b) => places.get(a.turn) - places.get(b.turn)).at(-1) ?? null;
}

export class CutLine {
  #shown = null; // The summary that stands there.

  /** `room()` names the room on the page; `changed()` is called when its summaries are others. */
  constructor({ room, changed }) {
    this.hooks = { room, changed };
    this.dialog = new FormDialog("summary");
    this.text = make("p");
    this.label = make("summary");
    this.summary = make("p", { className: "summary-text", dir: "auto" });
    this.actions = make("div", { className: "turn-actions" });
    this.details = make("details", {}, this.label, this.summary, this.actions);
    this.element = make("li", { className: "cut-line" }, this.text, this.details);
  }

  /** Draw the line among these turns, where there is one, in the page's language. */
  draw(turns, summaries) {
    const place = placeOf(turns);
    if (!place) return this.element.remove();
    this.text.textContent = t("cutLine");
    this.#draw(covering(turns.slice(0, place), summaries));
    const below = turns[place].view.element;
    // Moved only where it has to be: it may hold the keyboard's focus.
    if (this.element.nextElementSibling !== below) below.before(this.element);
  }

  #draw(summary) {
    this.details.hidden = !summary;
    if (summary?.turn !== this.#shown?.turn) this.details.open = false;
    this.#shown = summary;
    if (!summary) return;
    this.label.textContent = t(summary.edited ? "summaryEdited" : "summary");
    this.summary.textContent = summary.text;
    const tools = [button(t("summaryEdit"), () => this.#edit(), "quiet small"), button(t("summaryDelete"), () => this.#delete(), "quiet small")];
    if (this.actions.textContent !== tools.map(({ textContent }) => textContent).join("")) this.actions.replaceChildren(...tools);
  }

  #edit() {
    const { turn, text } = this.#shown;
    const dbId = this.hooks.room();
    const written = field({ label: t("summary"), value: text, rows: 9, limit: SUMMARY_CHARS, hint: t("summaryHint") });
    this.dialog.open({
      title: t("summaryEdit"),
      parts: [written.element],
      written: () => written.value !== text.trim(),
      save: () => this.#save(dbId, turn, written),
    });
  }

  async #save(dbId, turn, { over, input, value }) {
    if (over || !value) {
      input.focus();
      return false;
    }
    await putSummary(dbId, turn, value);
    await this.hooks.changed();
    return true;
  }

  async #delete() {
    const { turn } = this.#shown;
    const dbId = this.hooks.room();
    if (!(await confirmed(t("confirmDeleteSummary")))) return;
    await deleteSummary(dbId, turn).catch((error) => toast(error.message));
    await this.hooks.changed();
  }
}
