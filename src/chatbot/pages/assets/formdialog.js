// A dialog whose form is made by script, and which asks before it drops what was written.

import { button, confirmed, make } from "./dom.js";
import { t } from "./i18n.js";

export class FormDialog {
  /** `id` is the dialog's. */
  constructor(id) {
    this.dialog = make("dialog", { id });
    this.dialog.setAttribute("aria-labelledby", `${id}-title`);
    // Escape closes a dialog: not one in which something was written.
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#leave();
    });
    document.body.append(this.dialog);
  }

  /**
   * Show a form with these parts. `written()` says whether closing it would lose something; `save()` saves it and says, maybe
   * later, whether that is done. What it throws is told in the form.
   */
  open({ title, parts, written, save }) {
    this.written = written;
    const problem = make("p", { className: "problem", role: "alert" });
    const submit = make("button", { type: "submit", className: "primary" }, t("save"));
    const form = make(
      "form",
      { autocomplete: "off" },
      make("h2", { id: this.dialog.getAttribute("aria-labelledby") }, title),
      ...parts,
      problem,
      make(
        "div",
        { className: "actions" },
        button(t("cancel"), () => this.#leave(), "quiet"),
        submit,
      ),
    );
    form.onsubmit = async (event) => {
      event.preventDefault();
      problem.textContent = "";
      submit.disabled = true;
      try {
        // A form that was left meanwhile may have made way for the next one.
        if ((await save()) && form.isConnected) this.dialog.close();
      } catch (error) {
        problem.textContent = error.message;
      }
      submit.disabled = false;
      // A button that could not be pressed has lost the keyboard.
      if (form.isConnected && this.dialog.open && document.activeElement === document.body) submit.focus();
    };
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }

  /** Close it, and leave nothing of what was written. */
  clear() {
    this.dialog.close();
    this.dialog.replaceChildren();
  }

  async #leave() {
    if (!this.written() || (await confirmed(t("discard"), t("discardYes")))) this.dialog.close();
  }
}
