// The settings dialog.

import { byId, toast } from "./dom.js";
import { t } from "./i18n.js";
import { USER_ID, settings } from "./store.js";

/** Wire the dialog; `saved()` is called after a change, `deleteAll()` deletes and says whether it did. */
export function settingsDialog({ saved, deleteAll }) {
  const dialog = byId("settings");
  const problem = byId("settings-problem");

  function save() {
    const userId = byId("user-id").value.trim();
    if (!USER_ID.test(userId)) {
      problem.textContent = t("userIdWrong");
      byId("user-id").focus();
      return;
    }
    const before = settings.userId;
    settings.userId = userId;
    settings.apiKey = byId("api-key").value.trim();
    settings.finish = byId("finish").checked;
    settings.forget = byId("forget").checked;
    dialog.close();
    saved({ newUser: before !== userId });
  }

  byId("open-settings").onclick = () => {
    problem.textContent = "";
    byId("user-id").value = settings.userId;
    byId("api-key").value = settings.apiKey;
    byId("finish").checked = settings.finish;
    byId("forget").checked = settings.forget;
    dialog.showModal();
  };
  byId("settings-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  byId("settings-cancel").onclick = () => dialog.close();
  byId("delete-all").onclick = async () => {
    try {
      if (await deleteAll()) dialog.close();
    } catch (error) {
      toast(error.message);
    }
  };
}
