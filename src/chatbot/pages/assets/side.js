// The side panel: it slides over the page on narrow screens, and what lies under it is out of reach meanwhile.

import { byId } from "./dom.js";

const narrow = matchMedia("(max-width: 56rem)");

export const isNarrow = () => narrow.matches;
export const sideIsOpen = () => document.body.classList.contains("side-open");

export function showSide(open) {
  document.body.classList.toggle("side-open", open);
  byId("scrim").hidden = !open;
  byId("side").inert = narrow.matches && !open;
  byId("main").inert = narrow.matches && open;
  byId("open-side").setAttribute("aria-expanded", String(open));
}

export function closeSide() {
  const wasOpen = sideIsOpen();
  showSide(false);
  if (wasOpen) byId("open-side").focus();
}

byId("open-side").onclick = () => {
  showSide(true);
  byId("close-side").focus();
};
byId("close-side").onclick = byId("scrim").onclick = closeSide;
narrow.onchange = () => showSide(false);
