// A model's text as blocks: the part of CommonMark, and the tables of GFM, that models write. Pure; touches no page.
// A text that is still being written is read the same way: what is open at its end is open in the last block.

// No pattern here has two neighbours that match the same characters: on a line of 64 KiB that would take minutes.
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6}) +(.*)$/;
const RULE_SIGNS = /^ {0,3}[-*_][-*_ ]*$/;
const RULE = /^([-*_])\1{2,}$/;
const QUOTE = /^ {0,3}>/;
const ITEM = /^( *)([-*+•]|\d{1,3}[.)]) +(.*)$/;
const DELIMITER = /^:?-+:?$/;
const MAX_DEPTH = 8;
// A table has a cell for each of its columns in each of its rows, however short the rows are written.
const MAX_COLUMNS = 64;

const isRule = (line) => RULE_SIGNS.test(line) && RULE.test(line.replaceAll(" ", ""));
const isBlank = (line) => line.trim() === "";
const indentOf = (line) => line.length - line.trimStart().length;
const dedent = (line, columns) => line.slice(Math.min(columns, indentOf(line)));

/** The cells of a table's line. */
function cellsOf(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return inner.split("|").map((cell) => cell.trim());
}

const alignmentOf = (cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left");

function isTable(lines, at) {
  const [head, rule] = [lines[at], lines[at + 1]];
  if (!head.includes("|") || !rule?.includes("|")) return false;
  const delimiters = cellsOf(rule);
  return delimiters.length <= MAX_COLUMNS && delimiters.every((cell) => DELIMITER.test(cell)) && cellsOf(head).length === delimiters.length;
}

/** What begins at a line, or null for a line of a paragraph. */
function kindAt(lines, at) {
  const line = lines[at];
  if (FENCE.test(line)) return readFence;
  if (HEADING.test(line)) return readHeading;
  if (isRule(line)) return readRule;
  if (QUOTE.test(line)) return readQuote;
  if (ITEM.test(line)) return readList;
  return isTable(lines, at) ? readTable : null;
}

// Each reader gives a block and the place behind it.

function readFence(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const indent = indentOf(lines[at]);
  const closing = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},} *$`);
  let end = at + 1;
  while (end < lines.length && !closing.test(lines[end])) end += 1;
  const text = lines.slice(at + 1, end).map((line) => dedent(line, indent)).join("\n");
  return [{ kind: "code", language: language.trim().split(/\s/)[0], text }, end + 1];
}

function readHeading(lines, at) {
  const [, marks, text] = HEADING.exec(lines[at]);
  return [{ kind: "heading", level: marks.length, text: text.replace(/ #+ *$/, "").trim() }, at + 1];
}

const readRule = (_, at) => [{ kind: "rule" }, at + 1];

function readQuote(lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return [{ kind: "quote", blocks: blocksOf(inner, depth + 1) }, end];
}

function readTable(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const aligned = cellsOf(lines[at + 1]).map(alignmentOf);
  return [{ kind: "table", aligned, head: cellsOf(lines[at]), rows: lines.slice(at + 2, end).map(cellsOf) }, end];
}

function readList(lines, at, depth) {
  const [, { length: indent }, first] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(first);
  const items = [];
  let place = at;
  while (place < lines.length) {
    const match = ITEM.exec(lines[place]);
    if (!match || match[1].length > indent + 1 || /\d/.test(match[2]) !== ordered || isRule(lines[place])) break;
    const inside = match[1].length + 2;
    let end = place + 1;
    // A line belongs to the item while it is indented; blank lines, if something indented follows.
    for (let next = end; next < lines.length; next += 1) {
      if (isBlank(lines[next])) continue;
      if (indentOf(lines[next]) < inside) break;
      end = next + 1;
    }
    const width = match[0].length - match[3].length;
    items.push(blocksOf([match[3], ...lines.slice(place + 1, end).map((line) => dedent(line, width))], depth + 1));
    place = end;
    while (place < lines.length && isBlank(lines[place]) && ITEM.test(lines[place + 1] ?? "")) place += 1;
  }
  return [{ kind: "list", ordered, start: Number.parseInt(first, 10), items }, place];
}

function readParagraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !kindAt(lines, end)) end += 1;
  return [{ kind: "paragraph", text: lines.slice(at, end).join("\n") }, end];
}

/** The blocks of some lines; `source` of each is what it was read from. */
export function blocksOf(lines, depth = 0) {
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const read = (depth < MAX_DEPTH && kindAt(lines, at)) || readParagraph;
    const [block, end] = read(lines, at, depth);
    blocks.push({ ...block, source: lines.slice(at, end).join("\n") });
    at = end;
  }
  return blocks;
}

/**
 * Give each heading its `rank` in the outline: 1 for the highest, and never more than one below the heading before it.
 * Models begin with ### or leave a level out; a screen reader's outline must have no gaps.
 */
export function ranked(blocks, above = []) {
  for (const block of blocks) {
    if (block.kind === "heading") {
      while (above.at(-1) >= block.level) above.pop();
      block.rank = above.push(block.level);
    }
    for (const inner of block.items ?? (block.blocks ? [block.blocks] : [])) ranked(inner, above);
  }
  return blocks;
}
