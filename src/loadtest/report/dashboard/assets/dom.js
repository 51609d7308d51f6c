// Small helpers for building the page. Text enters by textContent only, so nothing from a file can become markup.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const fixed = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const seconds = (value) =>
  value === null || value === undefined ? "–" : `${value.toFixed(3)} ${say("seconds")}`;
const percent = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(2)} %`);

// A shown number: its text for people, its exact value for machines and tests.
function shown(tag, id, value, text, attributes = {}) {
  return make(
    tag,
    {
      "data-testid": id,
      "data-value": value === null || value === undefined ? "" : String(value),
      ...attributes,
    },
    text,
  );
}

function tile(id, label, value, text, note = "") {
  return make(
    "div",
    { class: "tile" },
    make("dt", {}, label),
    shown("dd", id, value, text),
    note ? make("dd", { class: "note" }, note) : null,
  );
}

// columns: [{label, numeric}]; rows: arrays of cells, each a string, a node or {id, value, text}.
function tableOf(caption, columns, rows, attributes = {}) {
  const cell = (content, index) => {
    const align = columns[index].numeric ? { class: "number" } : {};
    const tag = index === 0 ? "th" : "td";
    const scope = index === 0 ? { scope: "row" } : {};
    if (content === null || content === undefined) return make(tag, { ...align, ...scope }, "–");
    if (content instanceof Node) return make(tag, { ...align, ...scope }, content);
    if (typeof content === "object")
      return shown(tag, content.id, content.value, content.text, {
        ...align,
        ...scope,
        class: [align.class, content.class].filter(Boolean).join(" ") || null,
      });
    return make(tag, { ...align, ...scope }, content);
  };
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    make(
      "table",
      attributes,
      make("caption", {}, caption),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          columns.map((column) =>
            make("th", { scope: "col", class: column.numeric ? "number" : null }, column.label),
          ),
        ),
      ),
      make(
        "tbody",
        {},
        rows.map((row) => make("tr", {}, row.map(cell))),
      ),
    ),
  );
}

function section(id, title, ...children) {
  return make(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    make("h2", { id: `${id}-title` }, title),
    ...children,
  );
}
