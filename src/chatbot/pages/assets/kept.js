// The kept character that is talked with: what the service keeps of it, which greeting opens the scene.

import { cutTo } from "./card.js";
import { CharacterEditor } from "./charactereditor.js";
import { readCharacter } from "./characterapi.js";
import { iconButton, make, toast } from "./dom.js";
import { facts } from "./facts.js";
import { Gallery } from "./gallery.js";
import { t } from "./i18n.js";
import { faceOf, forgetPictures } from "./picture.js";
import { readJson, settings, writeJson } from "./store.js";

// Each user's own: another one's could not even be read.
const current = () => `chatbot.kept_character.${settings.userId}`;
const DESCRIBED = { name: 50, greeting: 2000, context: 2000 };

export class KeptCharacter {
  #names = new Map();

  /**
   * `begun()` is called when another one was chosen, `changed()` when what is known of it has changed; `describe()` opens
   * the form of a described one.
   */
  constructor({ begun, changed, describe }) {
    this.#nobody();
    Object.assign(this, { begun, changed });
    this.editor = new CharacterEditor({ saved: (character) => this.#saved(character) });
    this.gallery = new Gallery({
      current: () => this.chosen?.id ?? null,
      choose: (id) => this.choose(id),
      edit: (id) => this.editor.open(id),
      describe,
      removed: (id) => id === this.chosen?.id && this.#gone(),
    });
    this.#restore();
  }

  #restore() {
    const stored = readJson(current(), null);
    if (typeof stored?.id === "string") this.take(stored.id, stored.greetingIndex);
  }

  /** Somebody else uses the page: nothing of the former user's stays. */
  otherUser() {
    this.#nobody();
    this.#names.clear();
    forgetPictures();
    this.editor.forget();
    this.gallery.forget();
    this.#restore();
  }

  /** Talk with a character from now on: in a new room, or in that of one that was deleted. */
  async choose(id) {
    const goesOn = this.deleted;
    if ((await this.take(id, 0)) && !goesOn) this.begun();
  }

  /** Take up a character that is kept, from now on; whether it could be read. */
  async take(id, greetingIndex = 0) {
    if (this.deleted && this.chosen.id === id) return false;
    const chosen = (this.chosen = { id, greetingIndex });
    this.deleted = false;
    if (this.character?.id !== id) this.character = null;
    try {
      const character = this.character ?? (await readCharacter(id));
      if (this.chosen !== chosen) return false;
      this.#use(character, greetingIndex);
      return true;
    } catch (error) {
      if (this.chosen !== chosen) return false;
      // Out of reach for now, it is still the one that questions name.
      if (error.status === 404) this.#gone();
      else toast(error.message);
      return false;
    }
  }

  /** A question to it failed: it may have been deleted elsewhere. */
  async check() {
    if (!this.chosen || this.deleted) return;
    const { id } = this.chosen;
    const error = await readCharacter(id).then(
      () => null,
      (failure) => failure,
    );
    if (error?.status === 404 && this.chosen?.id === id && !this.deleted) this.#gone();
  }

  /** A described character takes its place. */
  leave() {
    this.#nobody();
    writeJson(current(), null);
  }

  #nobody() {
    /** Which character is in use, {id, greetingIndex}; null: a described one. */
    this.chosen = null;
    /** What the service keeps of it; null: it is not read yet, or deleted, or a described one is talked with. */
    this.character = null;
    /** Whether the one in use was deleted: no question may go until somebody else is chosen. */
    this.deleted = false;
  }

  #gone() {
    this.character = null;
    this.deleted = true;
    this.changed();
    toast(t("keptGone"));
  }

  #use(character, greetingIndex) {
    this.character = character;
    this.chosen = { id: character.id, greetingIndex: greetingIndex <= character.alternate_greetings.length ? greetingIndex : 0 };
    writeJson(current(), this.chosen);
    this.#names.set(character.id, character.name);
    for (const shown of document.querySelectorAll(`[data-kept="${character.id}"]`)) shown.textContent = character.name;
    this.changed();
  }

  #saved(character) {
    if (this.chosen?.id === character.id) this.#use(character, this.chosen.greetingIndex);
    else this.gallery.open();
  }

  /** A place that says a character's name, once that is known. */
  nameOf(id) {
    const place = make("span", {}, this.#names.get(id) ?? t("editCharacter"));
    place.dataset.kept = id;
    return place;
  }

  get #greetings() {
    return [this.character.greeting, ...this.character.alternate_greetings];
  }

  /** As a described character is known to the page. */
  get shown() {
    if (!this.character) {
      const name = this.deleted ? t("deletedCharacter") : (this.#names.get(this.chosen.id) ?? t("editCharacter"));
      return { name, spoken: name, context: this.deleted ? t("keptGone") : "", greeting: "" };
    }
    const { name, nickname, context } = this.character;
    return { name, spoken: nickname || name, context, greeting: this.#greetings[this.chosen.greetingIndex] };
  }

  /** What a request says of it. Without a user nothing that is kept can be named: then it is described. */
  get fields() {
    if (!settings.forget || !this.character) {
      const { id, greetingIndex } = this.chosen;
      return { character_id: id, ...(greetingIndex ? { greeting_index: greetingIndex } : {}) };
    }
    const as = facts.character;
    const texts = Object.entries(DESCRIBED).map(([key, limit]) => [as[key], cutTo(this.shown[key], limit) || "…"]);
    return Object.fromEntries(texts);
  }

  get face() {
    return faceOf(this.character);
  }

  /** Buttons to choose among its greetings; null when there is one. */
  get greetingChoice() {
    const count = this.#greetings.length;
    if (count < 2) return null;
    const turn = (by) => {
      this.#use(this.character, (this.chosen.greetingIndex + by + count) % count);
      document.querySelector(by < 0 ? ".greeting-choice button" : ".greeting-choice button:last-child")?.focus();
    };
    return make(
      "div",
      { className: "greeting-choice" },
      iconButton("back", t("greetingBack"), () => turn(-1)),
      make("small", { role: "status" }, t("greetingChoice", { place: this.chosen.greetingIndex + 1, count })),
      iconButton("on", t("greetingOn"), () => turn(1)),
    );
  }
}
