// The list of a user's rooms: open, delete, download.

import * as api from "./api.js";
import { byId, confirmed, make, toast } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { settings } from "./store.js";

function when(iso) {
  const moment = new Date(iso);
  if (Number.isNaN(moment.valueOf())) return "";
  const today = moment.toDateString() === new Date().toDateString();
  const style = today ? { hour: "numeric", minute: "2-digit" } : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(currentLanguage(), style).format(moment);
}

export class RoomList {
  #asked = 0;

  /** `open(dbId)` shows a room, `gone(dbId)` is told of a deleted one, `current()` names the one on the page. */
  constructor({ open, gone, current }) {
    this.hooks = { open, gone, current };
    this.rooms = [];
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
    byId("rooms").replaceChildren(...this.rooms.map((room) => this.#line(room, room.db_id === current)));
    const hint = byId("rooms-hint");
    hint.textContent = problem || (settings.forget ? t("notStored") : t("noRooms"));
    hint.hidden = !problem && this.rooms.length > 0;
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
      const address = URL.createObjectURL(await api.exportRooms());
      const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
      make("a", { href: address, download: `${service}-rooms-${day}.json` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      toast(error.message);
    }
  }
}
