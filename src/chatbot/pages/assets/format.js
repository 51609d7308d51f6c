// A model's text as nodes: paragraphs, lists, tables, quotes and code. Nodes are made one by one and filled by
// textContent, so that no text can become markup. A web address is a link to itself; what claims to be a link or an image
// stays text. A formula is TeX between its signs, and math.js sets it.

import { blocksOf, ranked } from "./blocks.js";
import { button, make, toast } from "./dom.js";
import { t } from "./i18n.js";
import { ADDRESS, trimmed } from "./links.js";
import { formulaNode } from "./math.js";

const MARKED = /`([^`\n]+)`|\*\*\*(?=\S)([^*\n]*\S)\*\*\*|\*\*(?=\S)([^*\n]*\S)\*\*|\*(?=\S)([^*\n]*\S)\*|~~(?=\S)([^~\n]*\S)~~/;
// TeX between \( \), \[ \] and $$ $$, and between single dollars as pandoc reads them: no space inside, no digit behind, so
// that prices stay prices. Each ends before the next one begins, so that a text is read once.
const FORMULA =
  /\\\((?:[^\\]|\\(?![()]))+\\\)|\\\[(?:[^\\]|\\(?![[\]]))+\\\]|\$\$[^$]+\$\$|(?<![\\$\p{L}\p{N}])\$(?![\s$])[^$\n]*(?<![\s\\])\$(?![\p{N}$])/u;
const INLINE = new RegExp(`${MARKED.source}|(${FORMULA.source})|(${ADDRESS})`, "gu");
const LINK = { target: "_blank", rel: "noopener noreferrer nofollow" };

/** The pieces of one line or paragraph: strings and elements. */
function inline(text) {
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    pieces.push(text.slice(from, match.index));
    const [found, code, both, strong, emphasis, struck, formula, address] = match;
    const whole = address ? trimmed(address) : found;
    if (code !== undefined) pieces.push(make("code", {}, code));
    else if (both !== undefined) pieces.push(make("strong", {}, make("em", {}, ...inline(both))));
    else if (strong !== undefined) pieces.push(make("strong", {}, ...inline(strong)));
    else if (emphasis !== undefined) pieces.push(make("em", {}, ...inline(emphasis)));
    else if (struck !== undefined) pieces.push(make("s", {}, ...inline(struck)));
    else if (formula !== undefined) pieces.push(formulaNode(formula));
    else pieces.push(URL.canParse(whole) ? make("a", { href: whole, ...LINK }, whole) : whole);
    from = match.index + whole.length;
  }
  pieces.push(text.slice(from));
  return pieces.filter((piece) => piece !== "");
}

function codeNode({ language, text }) {
  const code = make("code", {}, text);
  const copy = () => navigator.clipboard.writeText(code.textContent).then(() => toast(t("copied")));
  const head = make("figcaption", {}, make("span", {}, language), navigator.clipboard ? button(t("copyCode"), copy) : null);
  return make("figure", { className: "code" }, head, make("pre", { tabIndex: 0, ariaLabel: t("code") }, code));
}

function tableNode({ aligned, head, rows }) {
  function line(name, cells) {
    const nodes = cells.slice(0, aligned.length).map((cell, column) => make(name, { className: `to-${aligned[column]}` }, ...inline(cell)));
    const missing = aligned.length - nodes.length;
    return make("tr", {}, ...nodes, ...(missing ? [make(name, { colSpan: missing })] : []));
  }
  const body = make("tbody", {}, ...rows.map((cells) => line("td", cells)));
  return make("div", { className: "table", tabIndex: 0, role: "group", ariaLabel: t("table") }, make("table", {}, make("thead", {}, line("th", head)), body));
}

/** An item that is one paragraph needs no paragraph of its own. */
function itemNode([first, ...rest]) {
  if (first?.kind !== "paragraph") return make("li", {}, ...(first ? [first, ...rest] : []).map(node));
  return make("li", {}, ...inline(first.text), ...rest.map(node));
}

const NODES = {
  code: codeNode,
  // The page's own title is the h1.
  heading: ({ level, rank, text }) => make(`h${Math.min(6, rank + 1)}`, { className: `level-${level}` }, ...inline(text)),
  list({ ordered, start, items }) {
    return make(ordered ? "ol" : "ul", ordered ? { start } : {}, ...items.map(itemNode));
  },
  paragraph: ({ text }) => make("p", {}, ...inline(text)),
  quote: ({ blocks }) => make("blockquote", {}, ...blocks.map(node)),
  rule: () => make("hr"),
  table: tableNode,
};

function node(block) {
  return NODES[block.kind](block);
}

/** Shows a text that grows: what is complete keeps its nodes, so that a selection in it survives. */
export class GrowingText {
  #blocks = [];

  constructor(parent) {
    this.parent = parent;
  }

  show(text) {
    const blocks = ranked(blocksOf(text.split(/\r\n?|\n/)));
    // The live collection would be counted anew after every change.
    const nodes = [...this.parent.children];
    blocks.forEach((block, index) => {
      const shown = this.#blocks[index];
      if (shown?.kind === block.kind && shown.source === block.source) return;
      if (shown?.kind === "code" && block.kind === "code" && shown.language === block.language) {
        nodes[index].querySelector("code").textContent = block.text;
      } else if (index < nodes.length) nodes[index].replaceWith(node(block));
      else this.parent.append(node(block));
    });
    for (const node of nodes.slice(blocks.length)) node.remove();
    this.#blocks = blocks;
  }
}

/** A complete text as a fragment. */
export function formatted(text) {
  const box = document.createElement("div");
  new GrowingText(box).show(text);
  const fragment = document.createDocumentFragment();
  fragment.append(...box.childNodes);
  return fragment;
}
