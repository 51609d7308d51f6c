// The list of a user's rooms: find, open, change, delete, download.

import * as api from "./api.js";
import { byId, confirmed, iconButton, make, toast } from "./dom.js";
import { save } from "./download.js";
import { currentLanguage, t } from "./i18n.js";
import { RoomForm } from "./roomform.js";
import { RoomSearch } from "./search.js";
import { settings } from "./store.js";

const DAY_MS = 86_400_000;

/** Whole days between a moment and now by the calendar; NaN for no moment. */
function daysAgo(moment) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(new Date()) - midnight(moment)) / DAY_MS);
}

/** The heading under which a room stands. */
function dayOf(iso) {
  const moment = new Date(iso);
  const days = daysAgo(moment);
  if (Number.isNaN(days)) return "";
  if (days < 1) return t("today");
  if (days < 2) return t("yesterday");
  if (days < 8) return t("lastWeek");
  return new Intl.DateTimeFormat(currentLanguage(), { year: "numeric", month: "long" }).format(moment);
}

function when(iso) {
  const moment = new Date(iso);
  if (Number.isNaN(moment.valueOf())) return "";
  const style = daysAgo(moment) < 1 ? { hour: "numeric", minute: "2-digit" } : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(currentLanguage(), style).format(moment);
}

/** The user's day as a part of a file's name. */
function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => `${part}`.padStart(2, "0")).join("");
}

export class RoomList {
  #asked = 0;
  #user = settings.userId; // Whose rooms these are.

  /**
   * `open(dbId, turn)` shows a room, at one of its turns if one is named; `gone(dbId)` is told of a deleted one, `drawn()`
   * when the list was read anew; `current()` names the room on the page.
   */
  constructor({ open, gone, current, drawn }) {
    this.hooks = { open, gone, current, drawn };
    this.rooms = [];
    this.search = new RoomSearch({ open, cleared: () => this.draw() });
    this.form = new RoomForm({ changed: () => this.refresh(), remove: (room) => this.#delete(room) });
  }

  /** Read the list anew; an answer that a newer question has overtaken is dropped. */
  async refresh() {
    const asked = (this.#asked += 1);
    let problem = "";
    if (this.#user !== settings.userId) {
      this.#user = settings.userId;
      this.rooms = [];
      this.search.clear();
    }
    try {
      const rooms = settings.forget ? [] : await api.rooms();
      if (asked !== this.#asked) return;
      this.rooms = rooms;
    } catch (error) {
      if (asked !== this.#asked) return;
      problem = error.message;
    }
    this.draw(problem);
    this.hooks.drawn();
  }

  /** Draw the list, unless what a search found stands in its place. */
  draw(problem = "") {
    const current = this.hooks.current();
    byId("filter").hidden = this.rooms.length === 0;
    byId("export-room").hidden = !this.rooms.some(({ db_id: dbId }) => dbId === current);
    if (this.search.query) return;
    const lines = [];
    let heading = "";
    for (const room of [...this.rooms].sort((a, b) => b.pinned - a.pinned)) {
      const next = room.pinned ? t("pinned") : dayOf(room.updated_at);
      if (next !== heading) lines.push(make("li", { className: "day" }, (heading = next)));
      lines.push(this.#line(room, room.db_id === current));
    }
    const held = document.activeElement.closest("#rooms li");
    const place = held && [...held.children].indexOf(document.activeElement);
    byId("rooms").replaceChildren(...lines);
    // The keyboard stays on the button that it was on.
    if (held) lines.find(({ dataset }) => dataset.room === held.dataset.room)?.children[place]?.focus();
    const hint = byId("rooms-hint");
    hint.textContent = problem || t(settings.forget ? "notStored" : "noRooms");
    hint.hidden = !problem && this.rooms.length > 0;
  }

  titleOf(dbId) {
    return this.rooms.find((room) => room.db_id === dbId)?.title ?? "";
  }

  #line(room, isCurrent) {
    const { db_id: dbId, title, turns, updated_at: updated } = room;
    const open = make(
      "button",
      { type: "button", className: "room", onclick: () => this.hooks.open(dbId) },
      make("span", { className: "room-title" }, title),
      make("small", {}, [t("turnsCount", { count: turns }), when(updated)].filter(Boolean).join(" · ")),
    );
    if (isCurrent) open.setAttribute("aria-current", "page");
    return make("li", { "data-room": dbId }, open, iconButton("more", t("changeRoom", { title }), () => this.form.edit(room)));
  }

  /** Delete a room after a question; true when it is gone. */
  async #delete({ db_id: dbId, title }) {
    if (!(await confirmed(t("confirmDelete", { title })))) return false;
    try {
      await api.deleteRoom(dbId);
      toast(t("deleted"));
    } catch (error) {
      toast(error.message);
      if (error.status !== 404) return false;
    }
    this.hooks.gone(dbId);
    await this.refresh();
    return true;
  }

  /** Delete everything of this user after a question; true when it is done. */
  async deleteAll() {
    if (!(await confirmed(t("confirmDeleteAll", { user: settings.userId })))) return false;
    await api.deleteAllRooms();
    toast(t("deleted"));
    await this.refresh();
    return true;
  }

  /** Save everything of this user as a file. */
  async download(service) {
    try {
      save(await api.exportRooms(), `${service}-rooms-${today()}.json`);
    } catch (error) {
      toast(error.message);
    }
  }

  /** Save the room on the page as a text to read; `speaker` is the answering name. */
  async downloadRoom(service, speaker) {
    const dbId = this.hooks.current();
    try {
      const turns = await api.turnsOf(dbId);
      const parts = turns.map(({ input_data: asked, output_data: said }) => `**${t("you")}**: ${asked}\n\n**${speaker}**: ${said}\n`);
      const text = [`# ${this.titleOf(dbId)}\n`, ...parts, `_${t("aiNotice")}_\n`].join("\n");
      save(new Blob([text], { type: "text/markdown" }), `${service}-${dbId.slice(0, 8)}-${today()}.md`);
    } catch (error) {
      toast(error.message);
    }
  }
}
