// Server-Sent Events read from a fetch body (WHATWG HTML, 9.2.6). EventSource cannot send a POST.

/** Collects text that may be cut anywhere and gives the events that are complete. */
export class EventParser {
  #line = "";
  #afterReturn = false;
  #event = "";
  #data = [];
  #id = "";

  /** The events that this piece completes, each {event, data, id}; `id` is "" where none was said. */
  feed(text) {
    const events = [];
    for (const piece of text.split(/(\r\n|\r|\n)/)) {
      if (piece === "\n" && this.#afterReturn && this.#line === "") {
        // The second half of a line end that was cut in the middle.
        this.#afterReturn = false;
      } else if (piece === "\r\n" || piece === "\r" || piece === "\n") {
        this.#afterReturn = piece === "\r";
        this.#endLine(events);
      } else if (piece) {
        this.#afterReturn = false;
        this.#line += piece;
      }
    }
    return events;
  }

  #endLine(events) {
    const line = this.#line;
    this.#line = "";
    if (line === "") {
      if (this.#data.length) events.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
      this.#event = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }
}

// The service sends a comment every 15 s, so a silent connection is a broken one that nobody told us of.
const SILENCE_MS = 60_000;
const ASLEEP_MS = 5_000;

/** The reader's next piece; rejects when none comes in time. A page that slept gets its time anew. */
function nextPiece(reader) {
  return new Promise((resolve, reject) => {
    let timer = 0;
    const wait = () => {
      const due = Date.now() + SILENCE_MS;
      timer = setTimeout(() => (Date.now() > due + ASLEEP_MS ? wait() : reject(new Error("silent"))), SILENCE_MS);
    };
    wait();
    reader.read().then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The events of a byte stream as they arrive; characters may be split between chunks. */
export async function* eventsOf(stream) {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await nextPiece(reader);
      if (done) return;
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
