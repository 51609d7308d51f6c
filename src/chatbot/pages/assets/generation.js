// How the answers of a room are generated: a preset of samplers, temperature, length. The room remembers what it was last
// asked with, on any device; what is not chosen is not sent, and is as the service has it.

import { byId, make } from "./dom.js";
import { facts } from "./facts.js";
import { t } from "./i18n.js";
import { Unsent } from "./unsent.js";

// Under llama-server's names, within the service's bounds (docs/api.md).
const PRESETS = {
  none: {},
  precise: { temperature: 0.2, top_p: 0.9 },
  lively: { temperature: 1.1, min_p: 0.05 },
  unrepeated: { dry_multiplier: 0.8, frequency_penalty: 0.3 },
  surprising: { temperature: 1, min_p: 0.02, xtc_probability: 0.5, xtc_threshold: 0.1, dry_multiplier: 0.8 },
};
const OWN = "own"; // What another client has chosen, and none of the presets.

const NUMBERS = {
  temperature: { id: "temperature", label: "temperature", least: 0, most: 2 },
  max_tokens: { id: "answer-length", label: "answerLength", least: 1, most: facts.sampling.max_tokens, whole: true },
};

const isEmpty = (sampling) => Object.keys(sampling).length === 0;

/** Whether the page may send a number under this name. */
function inBounds(name, value) {
  const { least, most, whole } = NUMBERS[name];
  return Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isInteger(value));
}

/** The same without its own numbers, or without those that may not be sent. */
const without = (sampling, left) => Object.fromEntries(Object.entries(sampling).filter(([name, value]) => !(name in NUMBERS && left(name, value))));
const restOf = (sampling) => without(sampling, () => true);

/** What fields of a request say of it: an object, which the service tells as JSON; damage says nothing. */
function samplingOf(askedWith) {
  let told = askedWith?.sampling ?? {};
  try {
    if (typeof told === "string") told = JSON.parse(told);
  } catch {
    return {};
  }
  return typeof told === "object" && told !== null && !Array.isArray(told) ? without(told, (name, value) => !inBounds(name, value)) : {};
}

/** A text that is the same for the same settings. */
const textOf = (sampling) => JSON.stringify(Object.entries(sampling).sort());

/** Which preset it is, if it is one but for the numbers. */
function presetOf(sampling) {
  const rest = textOf(restOf(sampling));
  const same = ([, preset]) => textOf(restOf(preset)) === rest && Object.keys(preset).every((name) => name in sampling);
  return Object.entries(PRESETS).find(same)?.[0] ?? OWN;
}

export class Generation {
  #stored = {};

  constructor() {
    this.dialog = byId("generation");
    // What stands in the form is of the room that it was opened for.
    this.unsent = new Unsent(`chatbot.unsent_settings.${facts.service}`, () => this.dialog.close());
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
    return this.unsent.value ?? this.#stored;
  }

  /** What goes into a question's body. */
  get fields() {
    return isEmpty(this.#chosen) ? {} : { sampling: this.#chosen };
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
    this.unsent.begin();
    this.#stored = {};
  }

  /** A room is on the page whose path was last asked with these fields; what was chosen there since then stays. */
  take(dbId, askedWith) {
    this.unsent.enter(dbId);
    this.#stored = samplingOf(askedWith);
  }

  /** A question was answered, and the path is asked with these fields now; what was chosen meanwhile is still to be sent. */
  sent(askedWith) {
    const chosen = this.#chosen;
    this.#stored = samplingOf(askedWith);
    this.unsent.value = textOf(chosen) === textOf(this.#stored) ? null : chosen;
  }

  #edit() {
    const sampling = this.#chosen;
    this.rest = restOf(sampling);
    const names = [...Object.keys(PRESETS), ...(presetOf(sampling) === OWN ? [OWN] : [])];
    byId("preset").replaceChildren(...names.map((name) => make("option", { value: name }, t(`preset_${name}`))));
    for (const [name, { id, label }] of Object.entries(NUMBERS)) {
      byId(id).placeholder = facts.sampling[name];
      byId(`${id}-hint`).textContent = t(`${label}Hint`, { value: facts.sampling[name].toLocaleString() });
    }
    this.#fill(sampling);
    this.dialog.showModal();
  }

  #fill(sampling) {
    const preset = presetOf(sampling);
    byId("generation-problem").textContent = "";
    byId("preset").value = preset;
    // A preset's own numbers stand in its hint.
    for (const [name, { id }] of Object.entries(NUMBERS)) byId(id).value = sampling[name] === this.#set(preset)[name] ? "" : sampling[name];
    this.#explain();
  }

  /** What a preset sets. */
  #set(preset) {
    return preset === OWN ? this.rest : PRESETS[preset];
  }

  /** Tell what the chosen preset sets. */
  #explain() {
    const values = Object.entries(this.#set(byId("preset").value));
    byId("preset-hint").textContent = values.length ? values.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(" · ") : t("presetHint");
  }

  #save() {
    const chosen = { ...this.#set(byId("preset").value) };
    for (const [name, { id, label, least, most, whole }] of Object.entries(NUMBERS)) {
      const field = byId(id);
      // A number field that holds no number has an empty value.
      if (!field.value && !field.validity.badInput) continue;
      chosen[name] = field.valueAsNumber;
      if (inBounds(name, chosen[name])) continue;
      const bounds = { field: t(label), least, most: most.toLocaleString() };
      byId("generation-problem").textContent = t(whole ? "wholeNumberWrong" : "numberWrong", bounds);
      return field.focus();
    }
    // What was unsent may be on its way: what takes its place is then not what is stored, even if it was that before.
    this.unsent.value = this.unsent.value === null && textOf(chosen) === textOf(this.#stored) ? null : chosen;
    this.dialog.close();
    this.draw();
  }
}
