// Reads a load-test CSV of any of the three shapes into rows. The same rules as loadtest/reading.py: times are whole
// microseconds, a row that cannot be read is counted and never guessed.

const COLUMNS = [
  "user_id",
  "test_type",
  "endpoint",
  "character_name",
  "status_code",
  "response_time",
  "success",
  "failure_reason",
  "retry_count",
  "retry_after_seconds",
  "timestamp",
  "response_size",
  "is_retry_record",
  "is_final_failure",
  "is_final_success",
  "error",
  "process_time",
];
const NEEDED = ["status_code", "response_time", "success", "timestamp"];
const LONGEST_SECONDS = 10_000_000;

// RFC 4180 with what spreadsheets add to it: quotes only at a field's start, any line end, a byte order mark.
function* records(text) {
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const end = text.length;
  let record = [];
  while (at < end) {
    let field = "";
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) {
          field += text.slice(at);
          at = end;
          break;
        }
        field += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        field += '"';
        at += 1;
      }
    }
    const from = at;
    while (at < end && text[at] !== "," && text[at] !== "\n" && text[at] !== "\r") at += 1;
    record.push(field + text.slice(from, at));
    if (text[at] === ",") {
      at += 1;
      if (at < end) continue;
      record.push("");
    } else if (text[at] === "\r" && text[at + 1] === "\n") at += 2;
    else at += 1;
    if (record.length > 1 || record[0] !== "" || text[from - 1] === '"') yield record;
    record = [];
  }
}

const bare = (text) => text.replace(/^ +| +$/g, "");
const truth = (text) => ["true", "1"].includes(bare(text).toLowerCase());
const whole = (text) => (/^\d{1,15}$/.test(bare(text)) ? Number(bare(text)) : 0);

function micro(text) {
  const clean = bare(text);
  if (!/^-?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(clean)) return null;
  const seconds = Number(clean);
  if (Math.abs(seconds) > LONGEST_SECONDS) return null;
  return seconds >= 0 ? Math.floor(seconds * 1e6 + 0.5) : -Math.floor(-seconds * 1e6 + 0.5);
}

// Microseconds since 1970, and whether the stamp marks the end: older files, which name no zone.
function moment(text) {
  const found = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z?)$/.exec(bare(text));
  if (!found) return null;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  if (year < 1970) return null;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(ms);
  const same =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  if (!same) return null;
  return { us: ms * 1000 + Number((found[7] || "").padEnd(6, "0")), ended: found[8] === "" };
}

function toRow(cells, column, retriesKnown) {
  const cell = (name) => (column[name] === undefined ? "" : cells[column[name]]);
  const stamp = moment(cell("timestamp"));
  const us = micro(cell("response_time"));
  const status = bare(cell("status_code"));
  if (stamp === null || us === null || us < 0 || !/^\d{1,3}$/.test(status)) return null;
  const success = truth(cell("success"));
  let processUs = micro(cell("process_time"));
  if (processUs !== null && (processUs < 0 || (stamp.ended && processUs === 0))) processUs = null;
  return {
    user: cell("user_id"),
    endpoint: cell("endpoint"),
    character: cell("character_name"),
    status: Number(status),
    us,
    success,
    reason: cell("failure_reason"),
    afterUs: Number(status) === 429 ? micro(cell("retry_after_seconds")) : null,
    startUs: stamp.ended ? stamp.us - us : stamp.us,
    size: whole(cell("response_size")),
    retry: truth(cell("is_retry_record")),
    error: cell("error"),
    processUs,
    ended: stamp.ended,
    finalFailure: retriesKnown ? truth(cell("is_final_failure")) : !success,
  };
}

function parseTable(text) {
  const all = records(text);
  const header = (all.next().value || []).map(bare);
  const absent = NEEDED.filter((name) => !header.includes(name));
  if (absent.length) throw new Error(absent.join(", "));
  const column = Object.fromEntries(header.map((name, index) => [name, index]));
  const retriesKnown = header.includes("is_retry_record");
  const table = {
    shape: retriesKnown ? "suite" : "office",
    rows: [],
    bad: 0,
    missing: COLUMNS.filter((name) => !header.includes(name)),
  };
  for (const cells of all) {
    const row = cells.length === header.length ? toRow(cells, column, retriesKnown) : null;
    if (row === null) table.bad += 1;
    else {
      if (row.ended && retriesKnown) table.shape = "character";
      table.rows.push(row);
    }
  }
  return table;
}
