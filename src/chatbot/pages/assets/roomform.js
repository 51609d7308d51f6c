// The dialog of one room: its title, its pin, and its deletion.

import { changeRoom } from "./api.js";
import { byId } from "./dom.js";

export class RoomForm {
  #room = null;

  /** `changed()` is called when a room was changed, `remove(room)` deletes one and says whether it did. */
  constructor({ changed, remove }) {
    this.dialog = byId("room");
    byId("room-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(changed);
    });
    byId("room-cancel").onclick = () => this.dialog.close();
    byId("room-delete").onclick = async () => (await remove(this.#room)) && this.dialog.close();
    // The next user of the page may be somebody else.
    this.dialog.addEventListener("close", () => {
      if (!this.dialog.open) byId("room-name").value = "";
    });
  }

  /** Show a room of the list to be changed. */
  edit(room) {
    this.#room = room;
    byId("room-problem").textContent = "";
    byId("room-name").value = room.title;
    byId("room-pinned").checked = room.pinned;
    this.dialog.showModal();
    byId("room-name").select();
  }

  async #save(changed) {
    const { db_id: dbId, title, pinned } = this.#room;
    const change = {};
    const name = byId("room-name").value.trim();
    if (name !== title) change.title = name;
    if (byId("room-pinned").checked !== pinned) change.pinned = !pinned;
    try {
      if (Object.keys(change).length) await changeRoom(dbId, change);
      this.dialog.close();
      changed();
    } catch (error) {
      byId("room-problem").textContent = error.message;
    }
  }
}
