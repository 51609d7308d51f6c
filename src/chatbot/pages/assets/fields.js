// Labelled fields of forms that are made by script.

import { make } from "./dom.js";
import { t } from "./i18n.js";
import { lengthOf } from "./plaintext.js";

/**
 * A text field of one line, or of `rows`; with a `limit` its length is counted as the service counts it.
 * `changed(text)` is called at each key. Gives {element, input, value, over}.
 */
export function field({ label, value = "", rows = 0, limit = 0, hint = "", inputMode = "", changed = () => {} }) {
  const input = make(rows ? "textarea" : "input", { value, ...(rows ? { rows } : {}), ...(inputMode ? { inputMode } : {}) });
  const count = limit ? make("small", { className: "count" }) : null;
  const measure = () => {
    if (!limit) return;
    const length = lengthOf(input.value.trim());
    count.textContent = t("count", { count: length.toLocaleString(), limit: limit.toLocaleString() });
    count.classList.toggle("over", length > limit);
  };
  input.addEventListener("input", () => {
    measure();
    changed(input.value);
  });
  measure();
  const element = make(
    "label",
    { className: "field" },
    make("span", { className: "field-head" }, make("span", {}, label), count),
    input,
    hint ? make("small", {}, hint) : null,
  );
  return {
    element,
    input,
    get value() {
      return input.value.trim();
    },
    get over() {
      return limit > 0 && lengthOf(input.value.trim()) > limit;
    },
  };
}

/** A yes-or-no field; `changed(on)` is called at each change. */
export function check(label, on, changed) {
  const input = make("input", { type: "checkbox", checked: on });
  input.onchange = () => changed(input.checked);
  return make("label", { className: "check" }, input, make("span", {}, label));
}
