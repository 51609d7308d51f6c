// A file that the page gives the user.

import { make } from "./dom.js";

const KEPT_MS = 60_000;

/** Have the browser save a blob under this name. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  // Some browsers read it only when the user has said where to.
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
