// The character that is talked with: its form and its card. Which character a room is talked with, its turns tell.

import { LIMITS, readCard } from "./card.js";
import { CardError, MAX_FILE_BYTES } from "./cardfile.js";
import { byId, button, make } from "./dom.js";
import { facts } from "./facts.js";
import { currentLanguage, t } from "./i18n.js";
import { KeptCharacter } from "./kept.js";
import { fillMacros, userWord } from "./macros.js";
import { AuthorNote } from "./note.js";
import { lengthOf } from "./plaintext.js";
import { SAMPLES } from "./samples.js";
import { readJson, settings, writeJson } from "./store.js";

const CURRENT = "chatbot.character";
// What browsers remembered of rooms from before their turns told.
const BY_ROOM = "chatbot.characters";
const INPUTS = { name: "character-name", greeting: "greeting", context: "context" };
const LABELS = { name: "characterName", greeting: "greeting", context: "context" };

const valid = (value) =>
  value && Object.entries(LIMITS).every(([key, limit]) => typeof value[key] === "string" && value[key] && lengthOf(value[key]) <= limit);

export class CharacterForm {
  /**
   * `chosen()` is called when the user has confirmed a character, `changed()` when what the page shows of it, or the note of
   * the room, has changed.
   */
  constructor(chosen, changed) {
    const stored = readJson(CURRENT, null);
    this.own = valid(stored) ? stored : null;
    this.userName = settings.userName;
    Object.assign(this, { chosen, changed });
    this.dialog = byId("character");
    for (const key of Object.keys(LIMITS)) this.#input(key).addEventListener("input", () => this.#count(key));
    byId("sample").onclick = () => this.#fill(SAMPLES[currentLanguage()]);
    byId("character-save").onclick = () => this.#save();
    byId("character-cancel").onclick = () => this.dialog.close();
    byId("card-file").onchange = ({ target }) => this.#import(target);
    this.note = facts.keeps ? new AuthorNote(changed) : null;
    this.kept = facts.keeps ? new KeptCharacter({ begun: chosen, changed, describe: () => this.#describe() }) : null;
  }

  /** The gallery of kept characters; null where the service keeps none. */
  get gallery() {
    return this.kept?.gallery ?? null;
  }

  /** Whether the character was deleted, so that nobody can be asked. */
  get deleted() {
    return this.kept?.deleted ?? false;
  }

  /** What stands for the character beside its name. */
  get face() {
    return this.kept?.character ? this.kept.face : make("div", { className: "face", ariaHidden: "true" }, this.deleted ? "?" : Array.from(this.current.name)[0]);
  }

  /** Who answered what was asked with these fields: a name, or what will say it; null: they do not tell. */
  speakerOf(askedWith) {
    const id = askedWith.character_id;
    return (id && this.kept?.nameOf(id)) || askedWith[facts.character.name] || null;
  }

  /** Buttons that belong to the scene; `greetings`: also to choose how it begins. */
  tools(greetings) {
    if (!this.kept) return null;
    const choice = greetings && this.kept.character ? this.kept.greetingChoice : null;
    return make("div", { className: "persona-tools" }, button(t("gallery"), () => this.gallery.open(), "quiet small"), this.note.button, choice);
  }

  /** The character in use: the user's own, else the sample in the page's language. */
  get current() {
    return this.kept?.chosen ? this.kept.shown : (this.own ?? SAMPLES[currentLanguage()]);
  }

  /** The greeting as the service has the character say it. */
  get shownGreeting() {
    return this.#filled(this.current.greeting);
  }

  /** The background as the service tells it to the model. */
  get shownContext() {
    return this.#filled(this.current.context);
  }

  #filled(text) {
    const { name, spoken, greeting, context } = this.current;
    return fillMacros(text, { char: spoken ?? name, user: this.userName || userWord(context + greeting) });
  }

  /** The request's fields, named as the service names them; the user's name only where there is one. */
  get fields() {
    const { name, greeting, context } = this.current;
    const as = facts.character;
    const user = this.userName ? { [as.user_name]: this.userName } : {};
    const described = { [as.name]: name, [as.greeting]: greeting, [as.context]: context };
    return { ...(this.kept?.chosen ? this.kept.fields : described), ...user, ...this.note?.fields };
  }

  /**
   * The fields with which a room from elsewhere is to be gone on: those of the character in use where it is the one of this
   * name, with the greeting that it was begun with; null for another.
   */
  askedWith({ character, greeting }) {
    if (!character || character.trim() !== this.current.name) return null;
    const { fields } = this;
    const said = facts.character.greeting;
    return said in fields && greeting && lengthOf(greeting) <= LIMITS.greeting ? { ...fields, [said]: greeting } : fields;
  }

  edit() {
    if (this.kept?.character) this.kept.editor.open(this.kept.character.id);
    else if (this.kept?.chosen) this.kept.gallery.open();
    else this.#describe();
  }

  #describe() {
    byId("card-report").hidden = true;
    byId("character-problem").textContent = "";
    this.#fill(this.own ?? SAMPLES[currentLanguage()]);
    byId("user-name").value = this.userName;
    this.dialog.showModal();
  }

  /** Begin a new room: the user is called as in the settings. */
  begin() {
    this.userName = settings.userName;
    this.note?.begin();
  }

  /** Somebody else uses the page. */
  otherUser() {
    this.note?.forgetAll();
    this.kept?.otherUser();
  }

  /** A turn has ended, `complete` with its answer; the path is asked with these fields now. */
  asked(complete, askedWith) {
    if (complete) this.note?.sent(askedWith?.author_note ?? "");
    else this.kept?.check();
  }

  /** Take up the character that a room was last asked with; false when nothing tells which that was. */
  takeUp(dbId, askedWith) {
    const as = facts.character;
    this.note?.take(dbId, askedWith?.author_note ?? "");
    if (this.kept && askedWith?.character_id) {
      this.userName = askedWith[as.user_name] ?? "";
      this.kept.take(askedWith.character_id, askedWith.greeting_index ?? 0);
      return true;
    }
    const told = askedWith && Object.fromEntries(Object.keys(LIMITS).map((key) => [key, askedWith[as[key]]]));
    const before = () => readJson(BY_ROOM, []).find(([id]) => id === dbId)?.[1];
    const found = valid(told) ? told : before();
    if (!valid(found)) return false;
    this.#use(found);
    if (told) this.userName = askedWith[as.user_name] ?? "";
    return true;
  }

  #use(character) {
    this.own = character;
    this.kept?.leave();
    writeJson(CURRENT, character);
  }

  #input(key) {
    return byId(INPUTS[key]);
  }

  #fill(character) {
    for (const key of Object.keys(LIMITS)) {
      this.#input(key).value = character[key];
      this.#count(key);
    }
  }

  #count(key) {
    const length = lengthOf(this.#input(key).value.trim());
    const count = byId(`${key}-count`);
    count.textContent = t("count", { count: length.toLocaleString(), limit: LIMITS[key].toLocaleString() });
    count.classList.toggle("over", length > LIMITS[key]);
  }

  #save() {
    const character = Object.fromEntries(Object.keys(LIMITS).map((key) => [key, this.#input(key).value.trim()]));
    for (const [key, limit] of Object.entries(LIMITS)) {
      if (character[key] && lengthOf(character[key]) <= limit) continue;
      byId("character-problem").textContent = t("characterWrong", { field: t(LABELS[key]), limit: limit.toLocaleString() });
      this.#input(key).focus();
      return;
    }
    const goesOn = this.deleted;
    this.#use(character);
    this.userName = settings.userName = byId("user-name").value.trim();
    this.dialog.close();
    if (goesOn) this.changed();
    else this.chosen();
  }

  async #import(input) {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    try {
      if (file.size > MAX_FILE_BYTES) return this.#report([t("cardTooBig", { limit: MAX_FILE_BYTES / 2 ** 20 })], true);
      const card = await readCard(new Uint8Array(await file.arrayBuffer()));
      this.#fill(card.character);
      this.#report(this.#linesOf(card), false);
    } catch (error) {
      if (!(error instanceof CardError)) throw error;
      this.#report([t(error.code)], true);
    }
  }

  #linesOf({ version, nickname, fields, unused }) {
    const lines = [t("cardRead", { version })];
    if (nickname) lines.push(t("cardNickname", { nickname }));
    for (const { key, total, kept } of fields) {
      const sentence = kept === 0 ? "cardEmpty" : kept < total ? "cardCut" : "cardField";
      lines.push(t(sentence, { field: t(LABELS[key]), total: total.toLocaleString(), kept: kept.toLocaleString() }));
    }
    if (unused.length) lines.push(t("cardUnused", { fields: unused.map(({ key, count }) => t(`unused_${key}`, { count })).join(", ") }));
    return lines;
  }

  #report(lines, failed) {
    const report = byId("card-report");
    report.replaceChildren(...lines.map((line) => make("p", {}, line)));
    report.classList.toggle("failed", failed);
    report.hidden = false;
  }
}
