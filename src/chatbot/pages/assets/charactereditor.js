// The editor of a character that the user keeps: texts, greetings, picture and lorebook.

import { changeCharacter, createCharacter, exportCharacter, putPicture, readCharacter } from "./characterapi.js";
import { button, confirmed, make, toast } from "./dom.js";
import { save } from "./download.js";
import { field } from "./fields.js";
import { t } from "./i18n.js";
import { LoreEditor } from "./loreeditor.js";
import { faceOf, smallPicture } from "./picture.js";

const LIMITS = { name: 50, nickname: 50, greeting: 4000, context: 12000, example_dialogue: 8000, post_history_instructions: 2000 };
const MOST_GREETINGS = 30;
const NEW = { id: null, version: 0, name: "", nickname: "", greeting: "", alternate_greetings: [], context: "", example_dialogue: "" };

export class CharacterEditor {
  #saving = false;

  /** `saved(character)` is called with what the service keeps then. */
  constructor({ saved }) {
    this.saved = saved;
    this.dialog = make("dialog", { id: "character-editor" });
    this.dialog.setAttribute("aria-labelledby", "character-editor-title");
    // Escape closes a dialog: not one in which something was written.
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    document.body.append(this.dialog);
  }

  /** Leave nothing of a user's for the next one. */
  forget() {
    this.dialog.close();
    this.dialog.replaceChildren();
  }

  /** Open the character of this id, or with null a new one. */
  async open(id) {
    try {
      this.#show(id ? await readCharacter(id) : { ...NEW, post_history_instructions: "", lorebook: null, avatar: false });
    } catch (error) {
      toast(error.message);
      return;
    }
    if (!this.dialog.open) this.dialog.showModal();
    this.parts.name.input.focus();
  }

  #show(character) {
    this.character = character;
    this.picture = undefined;
    this.parts = {
      name: this.#text("name", t("characterName")),
      nickname: this.#text("nickname", t("nickname"), 0, t("nicknameHint")),
      context: this.#text("context", t("context"), 7),
      greeting: this.#text("greeting", t("firstGreeting"), 3),
      example_dialogue: this.#text("example_dialogue", t("exampleDialogue"), 3),
      post_history_instructions: this.#text("post_history_instructions", t("instructions"), 2, t("instructionsHint")),
    };
    this.others = [];
    this.otherList = make("div", {});
    this.addOther = button(t("addGreeting"), () => this.#addGreeting("", true), "quiet small");
    for (const text of character.alternate_greetings) this.#addGreeting(text, false);
    this.lore = new LoreEditor(character.lorebook);
    this.problem = make("p", { className: "problem" });
    this.problem.setAttribute("role", "alert");
    this.dialog.replaceChildren(this.#form());
    this.before = JSON.stringify(this.#fields());
  }

  #form() {
    const { parts } = this;
    const form = make(
      "form",
      { autocomplete: "off", noValidate: true },
      make("h2", { id: "character-editor-title" }, t(this.character.id ? "editorTitle" : "editorNew")),
      this.#pictureRow(),
      parts.name.element,
      parts.context.element,
      parts.greeting.element,
      this.otherList,
      this.addOther,
      parts.example_dialogue.element,
      parts.post_history_instructions.element,
      parts.nickname.element,
      this.lore.element,
      this.problem,
      this.#actions(),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#save(this.character.version);
    };
    return form;
  }

  #text(key, label, rows = 0, hint = "") {
    return field({ label, value: this.character[key], rows, limit: LIMITS[key], hint });
  }

  #pictureRow() {
    const input = make("input", { type: "file", accept: "image/png,image/jpeg,image/webp" });
    input.onchange = () => input.files[0] && this.#choosePicture(input.files[0]);
    this.face = make("div", {}, faceOf({ name: "?", ...this.character }, "portrait"));
    const choose = make("label", { className: "quiet file" }, input, make("span", {}, t("choosePicture")));
    this.noPicture = button(t("removePicture"), () => this.#setPicture(null), "quiet");
    this.noPicture.hidden = !this.character.avatar;
    return make("div", { className: "picture-row" }, this.face, choose, this.noPicture);
  }

  async #choosePicture(file) {
    const png = await smallPicture(file);
    if (png) this.#setPicture(png);
    else this.problem.textContent = t("pictureWrong");
  }

  /** A picture waits for the form to be saved; null takes it away. */
  #setPicture(png) {
    this.picture = png;
    this.noPicture.hidden = !png;
    this.problem.textContent = "";
    const face = faceOf({ name: this.parts.name.value || "?", avatar: false }, "portrait");
    this.face.replaceChildren(face);
    if (!png) return;
    const reader = new FileReader();
    reader.onload = () => face.replaceChildren(make("img", { src: reader.result, alt: "" }));
    reader.readAsDataURL(png);
  }

  #addGreeting(text, focus) {
    this.others.push(text);
    this.#drawGreetings();
    if (focus) this.otherList.querySelector(".greeting:last-child textarea").focus();
  }

  #drawGreetings() {
    this.otherFields = this.others.map((text, place) =>
      field({
        label: t("otherGreeting", { number: place + 1 }),
        value: text,
        rows: 2,
        limit: LIMITS.greeting,
        changed: (now) => {
          this.others[place] = now;
        },
      }),
    );
    this.otherList.replaceChildren(
      ...this.otherFields.map((each, place) =>
        make("div", { className: "greeting" }, each.element, button(t("removeGreeting", { number: place + 1 }), () => this.#removeGreeting(place), "link danger")),
      ),
    );
    this.addOther.hidden = this.others.length >= MOST_GREETINGS;
  }

  #removeGreeting(place) {
    this.others.splice(place, 1);
    this.#drawGreetings();
    this.addOther.focus();
  }

  #actions() {
    const { id, avatar, name } = this.character;
    const download = async (format) => {
      try {
        save(await exportCharacter(id, format), `${name}.${format}`);
      } catch (error) {
        this.problem.textContent = error.message;
      }
    };
    return make(
      "div",
      { className: "actions" },
      id ? button(t("exportJson"), () => download("json")) : null,
      id && avatar ? button(t("exportPng"), () => download("png")) : null,
      button(t("cancel"), () => this.#close(), "quiet"),
      make("button", { type: "submit", className: "primary" }, t("save")),
    );
  }

  #fields() {
    const texts = Object.fromEntries(Object.entries(this.parts).map(([key, part]) => [key, part.value]));
    const others = this.others.map((text) => text.trim()).filter(Boolean);
    return { ...texts, alternate_greetings: others, lorebook: this.lore.value };
  }

  get #changed() {
    return this.picture !== undefined || JSON.stringify(this.#fields()) !== this.before;
  }

  async #close() {
    if (this.#changed && !(await confirmed(t("discard"), t("discardYes")))) return;
    this.dialog.close();
  }

  async #save(version) {
    const wrong = Object.entries(this.parts).find(([key, part]) => part.over || (key === "name" && !part.value));
    const over = this.otherFields?.find((each) => each.over);
    if (wrong || over) {
      const part = wrong ? wrong[1] : over;
      const label = part.element.querySelector("span span").textContent;
      this.problem.textContent = t("characterWrong", { field: label, limit: (wrong ? LIMITS[wrong[0]] : LIMITS.greeting).toLocaleString() });
      part.input.focus();
      return;
    }
    if (this.#saving) return;
    this.#saving = true;
    try {
      const { id } = this.character;
      let kept = id ? await changeCharacter(id, version, this.#fields()) : await createCharacter(this.#fields());
      // From here on it is there: what fails now is tried again under its next version.
      this.character = kept;
      if (this.picture !== undefined) kept = await putPicture(kept.id, kept.version, this.picture);
      this.dialog.close();
      toast(t("keptSaved"));
      this.saved(kept);
    } catch (error) {
      if (error.status === 409 && error.current) this.#conflict(error.current);
      else this.problem.textContent = error.message;
    } finally {
      this.#saving = false;
    }
  }

  /** Somebody else changed it: the user sees that one, or writes this one over it. */
  #conflict(theirs) {
    const choose = (text, go) => button(text, go, "quiet small");
    this.problem.replaceChildren(
      `${t("conflict")} `,
      choose(t("takeTheirs"), () => this.#show(theirs)),
      choose(t("keepMine"), () => this.#save(theirs.version)),
    );
    this.problem.querySelector("button").focus();
  }
}
