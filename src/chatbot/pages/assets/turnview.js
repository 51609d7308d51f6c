// One question and its answer on the page.

import { button, byId, iconButton, make, toast } from "./dom.js";
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

// What a prompt may have had no room for that is no part of a character.
const LEFT_OUT = { facts: "factsCut", summary: "summaryCut" };

function remarksOf({ finish_reason: reason, history, search_status: search, prompt_report: report }) {
  const remarks = [];
  if (report?.cut_turns.length) remarks.push(t("turnsCut", { count: report.cut_turns.length }));
  const ofScene = report?.left_out.filter((name) => !(name in LEFT_OUT)) ?? [];
  if (ofScene.length) remarks.push(t("sceneCut", { count: ofScene.length }));
  for (const [name, sentence] of Object.entries(LEFT_OUT)) if (report?.left_out.includes(name)) remarks.push(t(sentence));
  if (reason === "stopped") remarks.push(t("kept"));
  if (reason === "length") remarks.push(t("cut"));
  if (reason === "content_filter") remarks.push(t("filtered"));
  if (search && search !== "ok") remarks.push(t(`search_${search}`));
  if (history?.startsWith("kept")) remarks.push(t("historyKept"));
  if (history?.startsWith("deleted")) remarks.push(t("historyDeleted"));
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
    this.asked = make("div", { className: "asked" });
    this.bubble = make("div", { className: "question", dir: "auto" }, make("span", { className: "sr" }, `${t("you")}: `), question);
    this.asked.append(this.bubble);
    this.element = make(
      "li",
      { className: "turn" },
      this.asked,
      make("div", { className: "speaker" }, speaker),
      this.answer,
      this.state,
      this.foot,
      this.actions,
    );
  }

  /** Show what the answer begins with, and nothing else of an earlier attempt. */
  begin(text) {
    this.text = text;
    this.state.replaceChildren();
    this.foot.replaceChildren();
    this.element.classList.remove("failed");
    this.#drawSoon();
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
    this.state.replaceChildren();
    this.state.hidden = true;
    this.text += text;
    this.#drawSoon();
  }

  #drawSoon() {
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

  /** Bring it into sight and to the keyboard, and let it be seen for a moment. */
  find() {
    this.element.tabIndex = -1;
    this.element.scrollIntoView({ block: "start" });
    this.element.focus({ preventScroll: true });
  }

  /** What is selected of the answer. */
  get selected() {
    const selection = getSelection();
    const inside = selection.rangeCount && this.answer.contains(selection.getRangeAt(0).commonAncestorContainer);
    return inside ? selection.toString().trim() : "";
  }

  /** Mark the question while it is rewritten in the composer. */
  mark(edited) {
    this.element.classList.toggle("edited", edited);
  }

  /**
   * The buttons of the turn, out of reach unless `idle`: `edit`, `remove`, `again`, `retry`, `proceed` and `pin` are functions
   * or null, `swipe` is {place, count, go(by)} where several turns stand in one place. Copying is offered where the browser
   * allows it.
   */
  offer({ idle, edit, remove, again, retry, proceed, pin, swipe }) {
    const copy = () => navigator.clipboard.writeText(this.text).then(() => toast(t("copied")));
    this.asked.replaceChildren(iconButton("edit", t("edit"), edit), this.bubble);
    this.actions.replaceChildren(
      ...[
        proceed && button(t("proceed"), proceed, "quiet small"),
        retry && button(t("retry"), retry, "quiet small"),
        swipe && this.#swipe(swipe),
        this.text && navigator.clipboard && iconButton("copy", t("copy"), copy),
        again && iconButton("again", t("askAgain"), again),
        pin && this.#pin(pin),
        iconButton("delete", t("deleteTurn"), remove),
      ].filter(Boolean),
    );
    for (const tools of [this.asked, this.actions]) {
      for (const tool of tools.querySelectorAll("button")) tool.disabled ||= !idle;
    }
  }

  #pin(pin) {
    const tool = iconButton("pin", t("pinFact"), () => pin(this.selected));
    tool.onmousedown = (event) => event.preventDefault(); // What is selected stays so.
    return tool;
  }

  #swipe({ place, count, go }) {
    const label = t("swipe", { place: place + 1, count });
    const back = iconButton("back", t("swipeBack"), () => go(-1));
    const on = iconButton("on", t("swipeOn"), () => go(1));
    back.disabled = place === 0;
    on.disabled = place + 1 >= count;
    this.swipes = [back, on];
    return make("div", { className: "swipe", role: "group", ariaLabel: label }, back, make("span", { ariaHidden: "true" }, `${place + 1}/${count}`), on);
  }

  /** Keep the keyboard on the way it went, or turn it round at the end. */
  focusSwipe(by) {
    const [back, on] = this.swipes ?? [];
    const wanted = by < 0 ? [back, on] : [on, back];
    wanted.find((tool) => tool && !tool.disabled)?.focus({ preventScroll: true });
  }
}

/** Tell a screen reader: `status` replaces itself, an answer is read once it is complete. */
export function say(text) {
  byId("status").textContent = text;
}

export function announce(text) {
  byId("announcer").textContent = text;
}
