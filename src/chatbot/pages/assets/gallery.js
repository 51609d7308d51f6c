// The gallery: the characters that the user keeps, to talk with, edit, import and delete.

import { CardError, MAX_FILE_BYTES, readCardFile } from "./cardfile.js";
import { deleteCharacter, importCharacter, listCharacters, putPicture } from "./characterapi.js";
import { button, confirmed, iconButton, make } from "./dom.js";
import { t } from "./i18n.js";
import { faceOf, smallPicture } from "./picture.js";
import { settings } from "./store.js";

const PNG_START = 0x89;

export class Gallery {
  /**
   * `current()` is the id of the character in use; `choose(id)` takes one up, `edit(id)` opens its editor (null: a new one's),
   * `describe()` opens the form of one for once, `removed(id)` is told of a deletion.
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
    try {
      const characters = await listCharacters();
      const items = characters.map((each) => this.#item(each));
      this.list.replaceChildren(...(items.length ? items : [make("li", { className: "hint" }, t("galleryEmpty"))]));
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
      { type: "button", className: "pick", ariaLabel: t("playAs", { name }), onclick: () => this.#leave(() => this.hooks.choose(id)) },
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
    const lines = [];
    let failed = false;
    for (const file of files) {
      try {
        lines.push(...(await this.#importOne(file)));
      } catch (error) {
        failed = true;
        lines.push(`${file.name}: ${error instanceof CardError ? t(error.code) : error.message}`);
      }
    }
    if (files.length) this.#tell(lines, failed);
    this.refresh();
  }

  /** The card is read and its picture made small here, so that no file is too large to be sent. */
  async #importOne(file) {
    if (file.size > MAX_FILE_BYTES) return [`${file.name}: ${t("cardTooBig", { limit: MAX_FILE_BYTES / 2 ** 20 })}`];
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { character, cut, left_out: leftOut, unused } = await importCharacter(await readCardFile(bytes));
    if (bytes[0] === PNG_START) {
      const picture = await smallPicture(file);
      if (picture) await putPicture(character.id, character.version, picture);
      else leftOut.push(t("picture"));
    }
    return [
      t("keptImported", character),
      ...cut.map((each) => t("keptCut", { ...each, had: each.had.toLocaleString(), kept: each.kept.toLocaleString() })),
      ...(unused.length ? [t("keptUnused", { fields: unused.join(", ") })] : []),
      ...(leftOut.length ? [t("keptLeftOut", { fields: leftOut.join(", ") })] : []),
      ...(character.unsupported.length ? [t("keptUnsupported", { numbers: character.unsupported.join(", ") })] : []),
    ];
  }

  #tell(lines, failed) {
    this.report.replaceChildren(...lines.map((line) => make("p", {}, line)));
    this.report.classList.toggle("failed", failed);
    this.report.hidden = false;
  }
}
