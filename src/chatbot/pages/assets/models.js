// The models of the service in one list; one that cannot be used stands there too and says why.

import * as api from "./api.js";
import { byId, make } from "./dom.js";
import { facts } from "./facts.js";
import { t } from "./i18n.js";
import { local } from "./store.js";

const KEY = `chatbot.model.${facts.service}`;

export class ModelList {
  #known = [];

  constructor() {
    this.select = byId("model");
    this.select.onchange = () => local.set(KEY, this.select.value);
  }

  /** The alias of the chosen model. */
  get chosen() {
    return this.select.value;
  }

  /** Ask the service which there are; one that does not say leaves the list as it is. */
  async refresh() {
    const known = await api.models().catch(() => []);
    if (known.length) this.#known = known;
    this.draw();
  }

  draw() {
    if (!this.#known.length) return;
    const usable = this.#known.filter(({ unusable }) => !unusable).map(({ id }) => id);
    const wanted = [local.get(KEY) ?? "Llama", usable[0], this.#known[0].id];
    this.select.replaceChildren(...this.#known.map((model) => this.#option(model)));
    this.select.value = usable.length ? wanted.find((id) => usable.includes(id)) : wanted[2];
  }

  #option({ id, name, unusable }) {
    const text = unusable ? t("modelUnusable", { id, reason: t(`model_${unusable}`) }) : id;
    return make("option", { value: id, title: name ?? "", disabled: Boolean(unusable) }, text);
  }
}
