// Importing conversations: the files are read here, and their rooms go to the service one by one. A file comes in whole or
// not at all, and a file that is imported again adds only what is missing.

import * as api from "./api.js";
import { roomsOf } from "./chatfiles.js";
import { button, byId, make } from "./dom.js";
import { FileError } from "./fileerror.js";
import { facts } from "./facts.js";
import { t } from "./i18n.js";
import { bodiesOf } from "./roomrecords.js";
import { settings } from "./store.js";

const MOST_MIB = 64;
const TITLE_CHARS = 100;

export class ImportDialog {
  #running = false;

  /**
   * `open(dbId)` shows a room, `changed()` is called when some came in, `askedWith(room)` gives the fields with which an
   * imported room is to be gone on, or null.
   */
  constructor({ open, changed, askedWith }) {
    this.hooks = { open, changed, askedWith };
    this.dialog = byId("import");
    this.files = byId("chat-files");
    this.report = byId("import-report");
    this.progress = byId("import-progress");
    byId("open-import").onclick = () => this.#show();
    byId("import-close").onclick = () => this.dialog.close();
    this.files.onchange = () => this.#run([...this.files.files]);
    this.dialog.addEventListener("cancel", (event) => this.#running && event.preventDefault());
  }

  #show() {
    this.report.replaceChildren();
    this.report.hidden = true;
    this.progress.hidden = true;
    if (settings.forget) this.#line(t("notStored"), { failed: true });
    this.files.disabled = settings.forget;
    this.dialog.showModal();
  }

  #line(text, { failed = false, open = null } = {}) {
    const line = make("p", { className: failed ? "failed" : "" }, text);
    if (open) line.append(" ", button(t("importOpen"), open));
    this.report.append(line);
    this.report.hidden = false;
    line.scrollIntoView({ block: "nearest" });
  }

  #busy(running) {
    this.#running = running;
    this.files.disabled = running;
    byId("import-close").disabled = running;
    this.progress.hidden = !running;
  }

  async #run(files) {
    this.files.value = "";
    if (!files.length || this.#running) return;
    this.report.replaceChildren();
    this.#busy(true);
    for (const [index, file] of files.entries()) {
      byId("import-state").textContent = t("importing", { name: file.name, place: index + 1, count: files.length });
      await this.#import(file);
    }
    byId("import-state").textContent = "";
    this.#busy(false);
    byId("import-close").focus();
    this.hooks.changed();
  }

  /** Import a file and tell what came of it. */
  async #import(file) {
    try {
      if (file.size > MOST_MIB * 2 ** 20) throw new FileError("cardTooBig", { limit: MOST_MIB });
      const { rooms, left } = roomsOf(await file.text());
      const owner = [facts.service, settings.userId].join("\n");
      const bodies = rooms.map((room) => bodiesOf(room, owner, this.hooks.askedWith(room)));
      const { stored, present } = await this.#send(bodies);
      const known = !stored && present;
      const open = bodies.length === 1 && (stored || present) ? () => this.#open(bodies[0].dbId) : null;
      const count = { name: file.name, rooms: bodies.length, turns: stored };
      this.#line(t(known ? "importKnown" : stored ? "imported" : "importNothing", count), { failed: !stored && !known, open });
      if (left) this.#line(t("importLeft", { count: left }));
    } catch (error) {
      const reason = error instanceof FileError ? t(error.code, error.values) : error.message;
      this.#line(t("importFailed", { name: file.name, reason }), { failed: true });
    }
  }

  #open(dbId) {
    this.dialog.close();
    this.hooks.open(dbId);
  }

  /** Send the rooms of a file; when one is refused, none of those that are new stays. */
  async #send(bodies) {
    const before = new Set((await api.rooms()).map(({ db_id: dbId }) => dbId));
    const sent = { stored: 0, present: 0 };
    const begun = [];
    this.progress.max = bodies.reduce((sum, { pieces }) => sum + pieces.length, 0);
    this.progress.value = 0;
    try {
      for (const { dbId, title, pieces, state } of bodies) {
        if (!before.has(dbId)) begun.push(dbId);
        for (const turns of pieces) {
          // What was chosen comes with the last piece: the end of a path is known when its turns are there.
          const { stored, present } = await api.importTurns(dbId, turns, turns === pieces.at(-1) ? state : null);
          sent.stored += stored;
          sent.present += present;
          this.progress.value += 1;
        }
        if (title && begun.includes(dbId)) await this.#name(dbId, title);
      }
    } catch (error) {
      await this.#takeBack(begun, error);
    }
    return sent;
  }

  /** Give a room its title; one that the service does not take is no reason to leave its turns out. */
  async #name(dbId, title) {
    const change = { title: Array.from(title).slice(0, TITLE_CHARS).join("") };
    await api.changeRoom(dbId, change).catch((error) => error instanceof api.ServiceError || Promise.reject(error));
  }

  /** Delete the rooms that a file had begun, and say why it was given up. */
  async #takeBack(begun, error) {
    let whole = true;
    for (const dbId of begun) await api.deleteRoom(dbId).catch((failure) => (whole &&= failure.status === 404));
    throw whole ? error : new FileError("importHalf", { reason: error.message });
  }
}
