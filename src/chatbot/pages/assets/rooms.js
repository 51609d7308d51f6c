// The list of a user's rooms: open, delete, download.

import * as api from "./api.js";
import { byId, confirmed, make, toast } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { settings } from "./store.js";

const FILTER_FROM = 8; // Fewer rooms are seen at a glance.
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

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

const today = () => new Date().toISOString().slice(0, 10).replaceAll("-", "");

export class RoomList {
  #asked = 0;

  /** `open(dbId)` shows a room, `gone(dbId)` is told of a deleted one, `current()` names the one on the page. */
  constructor({ open, gone, current }) {
    this.hooks = { open, gone, current };
    this.rooms = [];
    byId("filter").addEventListener("input", () => this.draw());
  }

  /** Read the list anew; an answer that a newer question has overtaken is dropped. */
  async refresh() {
    const asked = (this.#asked += 1);
    let problem = "";
    try {
      const rooms = settings.forget ? [] : await api.rooms();
      if (asked !== this.#asked) return;
      this.rooms = rooms;
    } catch (error) {
      if (asked !== this.#asked) return;
      problem = error.message;
    }
    this.draw(problem);
  }

  draw(problem = "") {
    const current = this.hooks.current();
    const filter = byId("filter");
    filter.hidden = this.rooms.length < FILTER_FROM;
    const wanted = filter.hidden ? "" : filter.value.trim().toLocaleLowerCase();
    const shown = this.rooms.filter(({ title }) => title.toLocaleLowerCase().includes(wanted));
    const lines = [];
    let day = "";
    for (const room of shown) {
      const next = dayOf(room.updated_at);
      if (next !== day) lines.push(make("li", { className: "day" }, (day = next)));
      lines.push(this.#line(room, room.db_id === current));
    }
    byId("rooms").replaceChildren(...lines);
    const hint = byId("rooms-hint");
    hint.textContent = problem || (wanted ? t("noMatch") : settings.forget ? t("notStored") : t("noRooms"));
    hint.hidden = !problem && shown.length > 0;
    byId("export-room").hidden = !this.rooms.some(({ db_id: dbId }) => dbId === current);
  }

  titleOf(dbId) {
    return this.rooms.find((room) => room.db_id === dbId)?.title ?? "";
  }

  #line({ db_id: dbId, title, turns, updated_at: updated }, isCurrent) {
    const open = make(
      "button",
      { type: "button", className: "room", onclick: () => this.hooks.open(dbId) },
      make("span", { className: "room-title" }, title),
      make("small", {}, [t("turnsCount", { count: turns }), when(updated)].filter(Boolean).join(" · ")),
    );
    if (isCurrent) open.setAttribute("aria-current", "page");
    const remove = make("button", { type: "button", className: "icon", onclick: () => this.#delete(dbId, title) });
    remove.append(byId("icon-delete").content.cloneNode(true));
    remove.setAttribute("aria-label", t("deleteRoom", { title }));
    return make("li", {}, open, remove);
  }

  async #delete(dbId, title) {
    if (!(await confirmed(t("confirmDelete", { title })))) return;
    try {
      await api.deleteRoom(dbId);
      toast(t("deleted"));
    } catch (error) {
      toast(error.message);
    }
    this.hooks.gone(dbId);
    await this.refresh();
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
