// The editor of a lorebook: its entries as parts that open, each with its words and its text.

import { button, make } from "./dom.js";
import { check, field } from "./fields.js";
import { t } from "./i18n.js";
import { shortened } from "./plaintext.js";

const ENTRY_CHARS = 4000;
const CHECKS = [
  ["enabled", "entryEnabled"],
  ["constant", "entryConstant"],
  ["case_sensitive", "entryCase"],
  ["use_regex", "entryRegex"],
  ["selective", "entrySelective"],
];
const EMPTY = { keys: [], secondary_keys: [], content: "", enabled: true, insertion_order: 100 };

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const whole = (text) => (/^\d+$/.test(text.trim()) ? Number(text) : null);

export class LoreEditor {
  /** `book` is a lorebook as the service has it, or null. */
  constructor(book) {
    this.book = book ?? { entries: [] };
    this.entries = this.book.entries.map((entry) => ({ ...entry }));
    this.list = make("ol", { className: "lore" });
    this.depth = field({ label: t("scanDepth"), value: this.book.scan_depth ?? "", inputMode: "numeric", hint: t("scanDepthHint") });
    this.budget = field({ label: t("tokenBudget"), value: this.book.token_budget ?? "", inputMode: "numeric", hint: t("tokenBudgetHint") });
    this.element = make(
      "fieldset",
      { className: "part" },
      make("legend", {}, t("lorebook")),
      make("p", { className: "hint" }, t("lorebookHint")),
      this.list,
      button(t("addEntry"), () => this.#add(), "quiet small"),
      make("div", { className: "pair" }, this.depth.element, this.budget.element),
    );
    this.#draw();
  }

  /** The lorebook as it is now; null for one without entries that never was. */
  get value() {
    if (!this.entries.length && !this.book.entries.length) return null;
    return { ...this.book, entries: this.entries, scan_depth: whole(this.depth.value), token_budget: whole(this.budget.value) };
  }

  #add() {
    this.entries.push({ ...EMPTY });
    this.#draw(this.entries.length - 1);
  }

  #draw(opened = -1) {
    this.list.replaceChildren(...this.entries.map((entry, place) => this.#item(entry, place, place === opened)));
    this.list.children[opened]?.querySelector("textarea").focus();
  }

  /** A closed entry is its title alone: a book may have hundreds. */
  #item(entry, place, open) {
    const number = place + 1;
    const title = make("span", {}, this.#titleOf(entry, number));
    const details = make("details", {}, make("summary", {}, title));
    const fill = () => {
      if (details.children.length > 1) return;
      const changed = () => {
        title.textContent = this.#titleOf(entry, number);
      };
      details.append(...this.#fieldsOf(entry, changed), button(t("removeEntry", { number }), () => this.#remove(place), "link danger"));
    };
    details.addEventListener("toggle", fill);
    if (open) {
      fill();
      details.open = true;
    }
    return make("li", {}, details);
  }

  #titleOf({ name, keys, content, enabled }, number) {
    const called = name || keys.slice(0, 4).join(", ") || shortened(content, 40);
    return `${called ? `${number}. ${called}` : t("entry", { number })}${enabled ? "" : " (–)"}`;
  }

  #fieldsOf(entry, changed) {
    const texts = (key, label) =>
      field({
        label: t(label),
        value: (entry[key] ?? []).join("\n"),
        rows: 2,
        changed: (text) => {
          entry[key] = lines(text);
          changed();
        },
      }).element;
    const checks = Object.fromEntries(
      CHECKS.map(([key, label]) => [
        key,
        check(t(label), Boolean(entry[key]), (on) => {
          entry[key] = on;
          changed();
        }),
      ]),
    );
    const name = field({
      label: t("entryName"),
      value: entry.name ?? "",
      limit: 200,
      changed: (text) => {
        entry.name = text;
        changed();
      },
    });
    const content = field({ label: t("entryContent"), value: entry.content, rows: 4, limit: ENTRY_CHARS, changed: (text) => (entry.content = text) });
    const order = field({
      label: t("entryOrder"),
      value: entry.insertion_order,
      inputMode: "numeric",
      changed: (text) => (entry.insertion_order = whole(text) ?? 100),
    });
    const { selective, ...others } = checks;
    return [texts("keys", "entryKeys"), content.element, name.element, ...Object.values(others), selective, texts("secondary_keys", "entrySecondary"), order.element];
  }

  #remove(place) {
    this.entries.splice(place, 1);
    this.#draw();
    (this.list.querySelectorAll("summary")[Math.min(place, this.entries.length - 1)] ?? this.element.querySelector("button")).focus();
  }
}
