// A model's text as nodes: bold, emphasis, code and headings. Nodes are made one by one and filled by
// textContent, so that no text can become markup; links and images stay text.

const INLINE = /`([^`\n]+)`|\*\*(?=\S)([^*\n]*\S)\*\*|\*(?=\S)([^*\n]*\S)\*/g;

function element(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

function appendInline(parent, text) {
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    parent.append(text.slice(from, match.index));
    const [whole, code, strong, emphasis] = match;
    if (code !== undefined) parent.append(element("code", code));
    else if (strong !== undefined) parent.append(element("strong", strong));
    else parent.append(element("em", emphasis));
    from = match.index + whole.length;
  }
  parent.append(text.slice(from));
}

/** A fragment with the text; line breaks are kept by the style sheet. */
export function formatted(text) {
  const fragment = document.createDocumentFragment();
  // Odd pieces stand between fences; a fence that never closes is code to the end.
  text.split(/^```[^\n`]*\n?/m).forEach((block, index) => {
    if (index % 2) {
      const pre = document.createElement("pre");
      pre.append(element("code", block.replace(/\n$/, "")));
      fragment.append(pre);
      return;
    }
    block
      .replace(index ? /^\n/ : /^$/, "")
      .split(/^(#{1,6} .+)$/m)
      .forEach((piece, place) => {
        if (place % 2) fragment.append(element("strong", piece.replace(/^#+ /, "")));
        else appendInline(fragment, piece);
      });
  });
  return fragment;
}
