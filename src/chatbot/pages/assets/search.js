// Finding a text in all rooms: what is typed is looked up by the service, and the hits stand in place of the rooms.

import { searchRooms } from "./api.js";
import { byId, make } from "./dom.js";
import { t } from "./i18n.js";

const PAUSE_MS = 300; // Somebody who types goes on within this time.

/** The excerpt with what was found in it marked; folding that changes lengths leaves it unmarked. */
function marked(excerpt, query) {
  const folded = excerpt.toLowerCase();
  const at = folded.length === excerpt.length ? folded.indexOf(query.toLowerCase()) : -1;
  if (at < 0) return [excerpt];
  const end = at + query.length;
  return [excerpt.slice(0, at), make("mark", {}, excerpt.slice(at, end)), excerpt.slice(end)];
}

export class RoomSearch {
  #timer = 0;
  #asked = 0;

  /** `open(dbId, turn)` shows a hit, `cleared()` is called when nothing is looked for any more. */
  constructor({ open, cleared }) {
    this.hooks = { open, cleared };
    this.field = byId("filter");
    this.field.addEventListener("input", () => this.#typed());
    this.field.addEventListener("keydown", (event) => this.#key(event));
  }

  /** What is looked for; "" for nothing. */
  get query() {
    return this.field.hidden ? "" : this.field.value.trim();
  }

  /** Look for nothing any more. */
  clear() {
    this.field.value = "";
    this.#typed();
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    if (!this.query) return this.hooks.cleared();
    this.#timer = setTimeout(() => this.#look(this.query), PAUSE_MS);
  }

  #key(event) {
    if (event.isComposing || event.key !== "Escape" || !this.field.value) return;
    event.stopPropagation();
    event.preventDefault();
    this.clear();
  }

  /** Look up; an answer that a newer query has overtaken is dropped. */
  async #look(query) {
    const asked = (this.#asked += 1);
    try {
      const { found, complete } = await searchRooms(query);
      if (asked === this.#asked) this.#draw(found.map((hit) => this.#line(hit, query)), found.length ? (complete ? "" : t("searchCut")) : t("noMatch"));
    } catch (error) {
      if (asked === this.#asked) this.#draw([], error.message);
    }
  }

  #draw(lines, hint) {
    byId("rooms").replaceChildren(...lines);
    byId("rooms-hint").textContent = hint;
    byId("rooms-hint").hidden = !hint;
    byId("status").textContent = t("searchFound", { count: lines.length });
  }

  #line({ db_id: dbId, title, turn, excerpt }, query) {
    const name = make("span", { className: "room-title" }, ...(turn ? [title] : marked(title, query)));
    const text = turn ? make("small", { className: "excerpt" }, ...marked(excerpt, query)) : null;
    return make("li", {}, make("button", { type: "button", className: "room", onclick: () => this.hooks.open(dbId, turn) }, name, text));
  }
}
