// Formulas, set by KaTeX as MathML, which needs no style and no font. What it does not understand stays TeX.
// KaTeX comes when the first formula does; it makes nodes one by one, as this page does.

import { make } from "./dom.js";
import { t } from "./i18n.js";

const KATEX = "../math/katex.mjs";
const MOST_CHARS = 4000;
const MOST_KEPT = 200;
const OPTIONS = {
  output: "mathml",
  throwOnError: true,
  // Korean between signs is text, not a mistake.
  strict: false,
  // No command may make links, images, classes or styles.
  trust: false,
  maxExpand: 300,
  maxSize: 20,
};
// These would set a style attribute, which the page's policy blocks.
const WITHOUT_STYLE = { "\\pmb": "\\boldsymbol{#1}", "\\fcolorbox": "\\@secondoftwo{#1#2}{\\fbox{#3}}" };

let katex = null;
let coming = false;
const kept = new Map(); // What was set, by its TeX: a growing answer is drawn again and again.

/** The TeX between the signs that mark it, and whether it stands on a line of its own. */
function partsOf(source) {
  const width = source.startsWith("$") && !source.startsWith("$$") ? 1 : 2;
  return { tex: source.slice(width, -width), alone: source.startsWith("$$") || source.startsWith("\\[") };
}

/** The formula as MathML; null when it cannot be set. */
function setting(source) {
  const { tex, alone } = partsOf(source);
  if (source.length > MOST_CHARS) return null;
  const box = make("span");
  try {
    katex.render(tex, box, { ...OPTIONS, macros: { ...WITHOUT_STYLE }, displayMode: alone });
  } catch {
    return null; // KaTeX throws on what it does not know, and on what would expand too far.
  }
  return box.querySelector("math");
}

function fill(node) {
  const source = node.textContent;
  if (!kept.has(source)) {
    if (kept.size === MOST_KEPT) kept.delete(kept.keys().next().value);
    kept.set(source, setting(source));
  }
  const math = kept.get(source);
  if (math) node.replaceChildren(math.cloneNode(true));
}

async function come() {
  coming = true;
  try {
    ({ default: katex } = await import(KATEX));
    for (const node of document.querySelectorAll(".formula")) fill(node);
  } catch {
    coming = false; // The next formula asks again.
  }
}

/** The node of a formula, `source` with the signs around it. */
export function formulaNode(source) {
  const { alone } = partsOf(source);
  const place = alone ? { tabIndex: 0, role: "group", ariaLabel: t("formula") } : {};
  const node = make("span", { className: alone ? "formula alone" : "formula", ...place }, source);
  if (katex) fill(node);
  else if (!coming) come();
  return node;
}
