// Small helpers for building nodes; text always enters as text.

import { t } from "./i18n.js";

export const byId = (id) => document.getElementById(id);

/** An element with properties and children; strings among the children become text nodes. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const button = (text, onclick, className = "link") => make("button", { type: "button", className, onclick }, text);

/** A button that shows the icon of a template; its label is read out and shown on hover. */
export function iconButton(icon, label, onclick) {
  const drawing = byId(`icon-${icon}`).content.cloneNode(true);
  return make("button", { type: "button", className: "icon", title: label, ariaLabel: label, onclick }, drawing);
}

let toastTimer = 0;

/** Say something for a few seconds at the foot of the page. */
export function toast(text) {
  const element = byId("toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    element.hidden = true;
  }, 6000);
}

/** Ask a yes-or-no question; resolves to true only for the button, which says `yes` if it is not to say "delete". */
export function confirmed(text, yes = null) {
  const dialog = byId("confirm");
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes ?? t("delete");
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    let answer = false;
    byId("confirm-yes").onclick = () => {
      answer = true;
      dialog.close();
    };
    byId("confirm-no").onclick = () => dialog.close();
    // The event of a question before may come when this one is open already.
    const closed = () => {
      if (dialog.open) return;
      dialog.removeEventListener("close", closed);
      byId("confirm-text").textContent = "";
      resolve(answer);
    };
    dialog.addEventListener("close", closed);
  });
}
