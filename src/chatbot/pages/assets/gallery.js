// The gallery: the characters that the user keeps, to talk with, edit, import and delete.

import { deleteCharacter, listCharacters } from "./characterapi.js";
import { importFile } from "./cardimport.js";
import { button, confirmed, iconButton, make } from "./dom.js";
import { t } from "./i18n.js";
import { faceOf } from "./picture.js";
import { settings } from "./store.js";

export class Gallery {
  /**
   * `current()` is the id of the character in use; `choose(id)` takes one up, `edit(id)` opens its editor (null: a new one's),
   * `describe()` opens the form of one that is not kept, `removed(id)` is told of a deletion.
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.dialog = make("dialog", { id: "gallery" });
    this.dialog.setAttribute("aria-labelledby", "gallery-title");
    this.dialog.addEventListener("dragover", (event) => event.preventDefault());
    this.dialog.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#import([...event.dataTransfer.files]);
    });
    document.body.append(this.dialog);
  }

  /** Leave nothing of a user's for the next one. */
  forget() {
    this.dialog.close();
    this.dialog.replaceChildren();
  }

  open() {
    const input = make("input", { type: "file", accept: ".png,.json,image/png,application/json", multiple: true });
    input.onchange = () => this.#import([...input.files]);
    this.report = make("div", { className: "report", hidden: true });
    this.report.setAttribute("role", "status");
    this.list = make("ul", { className: "gallery" });
    this.dialog.replaceChildren(
      make("h2", { id: "gallery-title" }, t("gallery")),
      make(
        "div",
        { className: "actions start" },
        button(t("newCharacter"), () => this.#leave(() => this.hooks.edit(null)), "primary"),
        make("label", { className: "quiet file" }, input, make("span", {}, t("importKept"))),
        button(t("describeOne"), () => this.#leave(this.hooks.describe), "quiet"),
      ),
      this.report,
      this.list,
      make("p", { className: "hint" }, t(settings.forget ? "galleryNoUser" : "galleryHint")),
      make("div", { className: "actions" }, button(t("close"), () => this.dialog.close(), "quiet")),
    );
    if (!this.dialog.open) this.dialog.showModal();
    this.refresh();
  }

  async refresh() {
    const { list } = this;
    try {
      const characters = await listCharacters();
      const items = characters.map((each) => this.#item(each));
      list.replaceChildren(...(items.length ? items : [make("li", { className: "hint" }, t("galleryEmpty"))]));
    } catch (error) {
      this.#tell([error.message], true);
    }
  }

  #leave(go) {
    this.dialog.close();
    go();
  }

  #item(character) {
    const { id, name, excerpt } = character;
    const pick = make(
      "button",
      { type: "button", className: "pick", title: t("playAs", { name }), onclick: () => this.#leave(() => this.hooks.choose(id)) },
      faceOf(character, "portrait"),
      make("strong", {}, name),
      make("small", {}, excerpt),
    );
    const used = this.hooks.current() === id;
    if (used) pick.setAttribute("aria-describedby", "gallery-used");
    return make(
      "li",
      { className: used ? "used" : "" },
      pick,
      used ? make("small", { id: "gallery-used", className: "used-note" }, t("inUse")) : null,
      make(
        "div",
        { className: "tools" },
        iconButton("edit", t("editKept", { name }), () => this.#leave(() => this.hooks.edit(id))),
        iconButton("delete", t("removeKept", { name }), () => this.#remove(character)),
      ),
    );
  }

  async #remove({ id, name }) {
    if (!(await confirmed(t("confirmRemoveKept", { name })))) return;
    try {
      await deleteCharacter(id);
      this.hooks.removed(id);
    } catch (error) {
      this.#tell([error.message], true);
    }
    this.refresh();
  }

  async #import(files) {
    const told = [];
    for (const file of files) told.push(await importFile(file));
    if (files.length) this.#tell(told.flatMap(({ lines }) => lines), told.some(({ failed }) => failed));
    this.refresh();
  }

  #tell(lines, failed) {
    this.report.replaceChildren(...lines.map((line) => make("p", {}, line)));
    this.report.classList.toggle("failed", failed);
    this.report.hidden = false;
  }
}
