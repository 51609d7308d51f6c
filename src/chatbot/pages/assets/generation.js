// How the answers of a room are generated: a preset of samplers, temperature, length. This browser remembers it, room by
// room; what is not chosen is not sent, and is as the service has it.

import { byId, make } from "./dom.js";
import { facts } from "./facts.js";
import { t } from "./i18n.js";
import { readJson, writeJson } from "./store.js";

const KEY = `chatbot.generation.${facts.service}`;
const MOST_ROOMS = 200;

// Under llama-server's names, within the service's bounds (docs/api.md).
const PRESETS = {
  none: {},
  precise: { temperature: 0.2, top_p: 0.9 },
  lively: { temperature: 1.1, min_p: 0.05 },
  unrepeated: { dry_multiplier: 0.8, frequency_penalty: 0.3 },
  surprising: { temperature: 1, min_p: 0.02, xtc_probability: 0.5, xtc_threshold: 0.1, dry_multiplier: 0.8 },
};

const NUMBERS = {
  temperature: { id: "temperature", label: "temperature", least: 0, most: 2 },
  max_tokens: { id: "answer-length", label: "answerLength", least: 1, most: facts.sampling.max_tokens, whole: true },
};

/** What is chosen: {preset, temperature, max_tokens}, without what is as the service has it; damage is left out. */
function checked(chosen) {
  const kept = {};
  if (Object.hasOwn(PRESETS, chosen?.preset) && chosen.preset !== "none") kept.preset = chosen.preset;
  for (const [name, { least, most, whole }] of Object.entries(NUMBERS)) {
    const value = chosen?.[name];
    if (Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isInteger(value))) kept[name] = value;
  }
  return kept;
}

const isEmpty = (chosen) => Object.keys(chosen).length === 0;

export class Generation {
  #unnamed = {}; // What is chosen for a room that the service has not named yet.

  /** `room()` names the room on the page; null: it has no name. */
  constructor(room) {
    this.room = room;
    this.dialog = byId("generation");
    byId("edit-generation").onclick = () => this.#edit();
    byId("generation-cancel").onclick = () => this.dialog.close();
    byId("generation-reset").onclick = () => this.#fill({});
    byId("preset").onchange = () => this.#explain();
    byId("generation-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  get #chosen() {
    const dbId = this.room();
    return dbId === null ? this.#unnamed : checked(readJson(KEY, []).find(([id]) => id === dbId)?.[1]);
  }

  /** What goes into a question's body. */
  get fields() {
    const { preset = "none", ...numbers } = this.#chosen;
    const sampling = { ...PRESETS[preset], ...numbers };
    return isEmpty(sampling) ? {} : { sampling };
  }

  /** Show whether something is chosen for the room on the page. */
  draw() {
    const opener = byId("edit-generation");
    const label = t(isEmpty(this.#chosen) ? "generation" : "generationChosen");
    opener.setAttribute("aria-label", label);
    opener.title = label;
    opener.classList.toggle("chosen", !isEmpty(this.#chosen));
  }

  /** A new room begins as the service has it. */
  begin() {
    this.#unnamed = {};
  }

  /** The service has named the new room. */
  named(dbId) {
    if (!isEmpty(this.#unnamed)) this.#keep(dbId, this.#unnamed);
    this.begin();
  }

  /** A room is gone, and what was chosen for it. */
  forget(dbId) {
    this.#keep(dbId, {});
  }

  #keep(dbId, chosen) {
    const others = readJson(KEY, []).filter(([id]) => id !== dbId);
    writeJson(KEY, isEmpty(chosen) ? others : [...others, [dbId, chosen]].slice(-MOST_ROOMS));
  }

  #edit() {
    const names = Object.keys(PRESETS);
    byId("preset").replaceChildren(...names.map((name) => make("option", { value: name }, t(`preset_${name}`))));
    for (const [name, { id }] of Object.entries(NUMBERS)) {
      byId(id).placeholder = facts.sampling[name];
      byId(`${id}-hint`).textContent = t(`${NUMBERS[name].label}Hint`, { value: facts.sampling[name].toLocaleString() });
    }
    this.#fill(this.#chosen);
    this.dialog.showModal();
  }

  #fill({ preset = "none", ...numbers }) {
    byId("generation-problem").textContent = "";
    byId("preset").value = preset;
    for (const [name, { id }] of Object.entries(NUMBERS)) byId(id).value = numbers[name] ?? "";
    this.#explain();
  }

  /** Tell what a preset sets. */
  #explain() {
    const values = Object.entries(PRESETS[byId("preset").value]);
    byId("preset-hint").textContent = values.length ? values.map(([name, value]) => `${name} ${value}`).join(" · ") : t("presetHint");
  }

  #save() {
    const given = { preset: byId("preset").value };
    for (const [name, { id, label, least, most, whole }] of Object.entries(NUMBERS)) {
      const field = byId(id);
      // A number field that holds no number has an empty value.
      if (!field.value && !field.validity.badInput) continue;
      given[name] = field.valueAsNumber;
      if (name in checked(given)) continue;
      const bounds = { field: t(label), least, most: most.toLocaleString() };
      byId("generation-problem").textContent = t(whole ? "wholeNumberWrong" : "numberWrong", bounds);
      return field.focus();
    }
    const chosen = checked(given);
    const dbId = this.room();
    if (dbId === null) this.#unnamed = chosen;
    else this.#keep(dbId, chosen);
    this.dialog.close();
    this.draw();
  }
}
