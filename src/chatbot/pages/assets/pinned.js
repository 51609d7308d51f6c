// The facts that are pinned to a room: they stand beside each of its questions, however much of it the model no longer reads.

import { changeRoom, memoryOf } from "./api.js";
import { button, byId, iconButton, make, toast } from "./dom.js";
import { field } from "./fields.js";
import { FormDialog } from "./formdialog.js";
import { t } from "./i18n.js";
import { lengthOf } from "./plaintext.js";

// As the service bounds them (docs/api.md).
const MOST = 20;
const CHARS = 300;
const TOGETHER = 2000;

export class PinnedFacts {
  #rows = [];
  #asked = null; // What names the form that is wanted; another one has overtaken it.

  /**
   * `room()` names the room on the page, null where none is stored; `facts()` are those that the page knows of it, `take(facts)`
   * tells it of others; `tokens()` are what they had in the last prompt that was reported, null where none was.
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.dialog = new FormDialog("facts");
    byId("edit-facts").onclick = () => this.edit();
  }

  /** Show whether something is pinned to the room on the page. */
  draw() {
    const opener = byId("edit-facts");
    const { length: count } = this.hooks.facts();
    const label = count ? t("factsCount", { count }) : t("facts");
    opener.hidden = this.hooks.room() === null;
    opener.setAttribute("aria-label", label);
    opener.title = label;
    opener.classList.toggle("chosen", count > 0);
  }

  /** Show the facts to be changed; `text` is to be one more, as far as the user wants it. */
  async edit(text = "") {
    const dbId = this.hooks.room();
    const asked = (this.#asked = {});
    let stored = null;
    try {
      // Another device may have changed them.
      stored = (await memoryOf(dbId)).facts;
    } catch (error) {
      return toast(error.message);
    }
    if (asked !== this.#asked || dbId !== this.hooks.room()) return;
    this.hooks.take(stored);
    this.#rows = [];
    this.list = make("ul", { className: "pinned-facts" });
    this.adding = button(t("factAdd"), () => this.#add("").input.focus(), "quiet small");
    this.count = make("small", { className: "count" });
    const tokens = this.hooks.tokens();
    this.dialog.open({
      title: t("facts"),
      parts: [
        make("p", { className: "lead" }, t("factsHint"), tokens === null ? "" : ` ${t("factsCost", { tokens: tokens.toLocaleString() })}`),
        this.list,
        make("div", { className: "pinned-foot" }, this.adding, this.count),
      ],
      written: () => JSON.stringify(this.#written) !== JSON.stringify(stored),
      save: () => this.#save(dbId),
    });
    stored.forEach((fact) => this.#add(fact));
    if (stored.length < MOST) this.#add(text).input.focus();
    else if (text) toast(t("factsFull", { most: MOST }));
  }

  /** The facts as they stand in the form; an empty one is none. */
  get #written() {
    return this.#rows.map(({ value }) => value).filter(Boolean);
  }

  get #length() {
    return this.#written.reduce((sum, fact) => sum + lengthOf(fact), 0);
  }

  #add(value) {
    const row = field({ label: t("fact"), value, rows: 2, limit: CHARS, changed: () => this.#measure() });
    const item = make("li", {}, row.element, iconButton("delete", t("factRemove"), () => this.#remove(row, item)));
    this.#rows.push(row);
    this.list.append(item);
    this.#measure();
    return row;
  }

  #remove(row, item) {
    this.#rows = this.#rows.filter((each) => each !== row);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.#measure();
    (next?.querySelector("button") ?? this.adding).focus();
  }

  #measure() {
    const length = this.#length;
    this.adding.disabled = this.#rows.length >= MOST;
    this.count.textContent = t("factsLength", { count: length.toLocaleString(), limit: TOGETHER.toLocaleString() });
    this.count.classList.toggle("over", length > TOGETHER);
  }

  async #save(dbId) {
    const wrong = this.#rows.find(({ over }) => over) ?? (this.#length > TOGETHER && this.#rows.at(-1));
    if (wrong) {
      wrong.input.focus();
      return false;
    }
    const { facts } = await changeRoom(dbId, { facts: this.#written });
    if (dbId === this.hooks.room()) this.hooks.take(facts);
    return true;
  }
}
