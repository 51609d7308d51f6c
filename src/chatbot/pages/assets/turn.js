// One question and its answer on the page.

import { button, byId, make, toast } from "./dom.js";
import { GrowingText } from "./format.js";
import { t } from "./i18n.js";

const number = (value) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });

/** The parts of the line under an answer: which model, how long, how much. */
function factsOf({ model, usage, timings_ms: times }) {
  const facts = [model];
  if (times) facts.push(t("seconds", { value: number(times.total / 1000) }));
  if (usage?.completion_tokens) {
    facts.push(t("tokens", { count: usage.completion_tokens }));
    if (times?.decode > 0) facts.push(t("tokenRate", { value: number(usage.completion_tokens / (times.decode / 1000)) }));
  }
  return facts.filter(Boolean).join(" · ");
}

function remarksOf({ finish_reason: reason, history, search_status: search }) {
  const remarks = [];
  if (reason === "length") remarks.push(t("cut"));
  if (reason === "content_filter") remarks.push(t("filtered"));
  if (search && search !== "ok") remarks.push(t(`search_${search}`));
  if (history?.startsWith("kept")) remarks.push(t("historyKept"));
  if (history?.endsWith("-partial")) remarks.push(t("historyPartial"));
  return remarks;
}

/** The sources as text links; only web addresses become links, and the host is shown as the browser reads it. */
function sourceList(sources) {
  const items = [];
  for (const { title, url } of sources ?? []) {
    const address = URL.canParse(url) ? new URL(url) : null;
    if (!address || !["http:", "https:"].includes(address.protocol)) continue;
    const link = make("a", { href: address.href, target: "_blank", rel: "noopener noreferrer nofollow" }, title || address.host);
    items.push(make("li", {}, link, make("small", {}, address.host)));
  }
  return items.length ? make("div", { className: "sources" }, make("span", {}, t("sources")), make("ol", {}, ...items)) : null;
}

export class TurnView {
  #frame = 0;

  constructor(question, speaker, onGrow) {
    this.text = "";
    this.onGrow = onGrow;
    this.answer = make("div", { className: "answer", dir: "auto" });
    this.shown = new GrowingText(this.answer);
    this.state = make("div", { className: "state", hidden: true });
    this.foot = make("div", { className: "foot" });
    this.actions = make("div", { className: "turn-actions" });
    this.element = make(
      "li",
      { className: "turn" },
      make("div", { className: "question", dir: "auto", "data-text": question }, make("span", { className: "sr" }, `${t("you")}: `), question),
      make("div", { className: "speaker" }, speaker),
      this.answer,
      this.state,
      this.foot,
      this.actions,
    );
  }

  /** Forget a failed attempt before the next one. */
  clear() {
    this.text = "";
    this.#draw();
    this.state.replaceChildren();
    this.foot.replaceChildren();
    this.element.classList.remove("failed");
  }

  /** A quiet line that says what is going on. */
  progress(text) {
    if (!this.label?.isConnected) {
      this.label = make("span");
      this.state.replaceChildren(make("span", { className: "dots", ariaHidden: "true" }), this.label);
      this.element.classList.add("busy");
      this.state.hidden = false;
      this.onGrow();
    }
    this.label.textContent = text;
  }

  /** A refusal that is being waited out: its reason, the seconds left, and two ways out. */
  countdown(detail, seconds, { now, cancel }) {
    this.left = make("p", { className: "left" });
    this.bar = make("progress", { max: seconds, value: seconds, ariaHidden: "true" });
    this.state.hidden = false;
    this.state.replaceChildren(
      make("p", {}, detail),
      this.left,
      this.bar,
      make("div", { className: "turn-actions" }, button(t("tryNow"), now), button(t("stopTrying"), cancel)),
    );
    this.tick(seconds);
    this.onGrow();
  }

  tick(seconds) {
    this.left.textContent = t("busy", { seconds });
    this.bar.value = seconds;
  }

  /** Add text; many tokens within a frame are drawn once. */
  append(text) {
    if (!this.text) {
      this.state.replaceChildren();
      this.state.hidden = true;
    }
    this.text += text;
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.shown.show(this.text.trim());
    this.onGrow();
  }

  #settle() {
    this.element.classList.remove("busy");
    this.state.replaceChildren();
    this.state.hidden = true;
    this.#draw();
  }

  /** The answer is complete; `meta` is the data of the done event or a stored turn's. */
  finish(meta) {
    this.#settle();
    const facts = factsOf(meta);
    this.foot.replaceChildren(
      ...[sourceList(meta.sources), ...remarksOf(meta).map((text) => make("p", { className: "remark" }, text))].filter(Boolean),
      ...(facts ? [make("p", { className: "facts" }, facts)] : []),
    );
    this.onGrow();
  }

  /** The answer ended without being complete; `failed` colours it as an error. */
  interrupt(text, failed) {
    this.#settle();
    this.element.classList.toggle("failed", failed);
    this.foot.replaceChildren(make("p", { className: "remark" }, text));
    this.onGrow();
  }

  /** The buttons under the turn; copying is offered where the browser allows it. */
  offer(...actions) {
    const all = [...actions];
    if (this.text && navigator.clipboard) {
      all.unshift([t("copy"), () => navigator.clipboard.writeText(this.text).then(() => toast(t("copied")))]);
    }
    this.actions.replaceChildren(...all.map(([text, onclick]) => button(text, onclick)));
  }
}

/** Tell a screen reader: `status` replaces itself, an answer is read once it is complete. */
export function say(text) {
  byId("status").textContent = text;
}

export function announce(text) {
  byId("announcer").textContent = text;
}
