// One conversation: asks questions one at a time and keeps what the page must know of its room.

import { ConnectionLost, ServiceError, ask, turnsOf } from "./api.js";
import { t } from "./i18n.js";
import { settings } from "./store.js";
import { TurnView, announce, say } from "./turn.js";
import { Stopped, countdown, recovered } from "./waiting.js";

const ATTEMPTS = 6; // The first and five more, as the suite's load test tries.

export class Conversation {
  #controller = null;
  #lastIndex = 0;

  /**
   * `hooks.request()` gives the alias and the fields of a question beside its text, `hooks.speaker()` the answering
   * name; `hooks.changed(what)` is called for "busy", "room" and "turn", `hooks.grown()` when the list got longer,
   * `hooks.edit(question)` to put a question back into the composer.
   */
  constructor(list, hooks) {
    this.list = list;
    this.hooks = hooks;
    this.reset();
  }

  /** The first question on the page, which names a room that is not stored yet. */
  get firstQuestion() {
    return this.list.querySelector(".question")?.dataset.text ?? "";
  }

  get busy() {
    return this.#controller !== null;
  }

  /** An empty conversation; a running answer is stopped. */
  reset() {
    this.stop();
    this.dbId = null;
    this.last = null;
    this.#lastIndex = 0;
    this.list.replaceChildren();
  }

  stop() {
    this.#controller?.abort();
    this.#controller = null;
  }

  /** Put the last question back to be edited, if there is one and none is under way. */
  recall() {
    if (this.last && !this.busy) this.hooks.edit(this.last.question);
  }

  /** Show a stored room. */
  async open(dbId) {
    const turns = await turnsOf(dbId);
    this.reset();
    this.dbId = dbId;
    for (const { index, input_data: question, output_data: answer, model } of turns) {
      const view = this.#add(question);
      view.append(answer);
      view.finish({ model });
      view.offer();
      this.last = { question, view, complete: true };
      this.#lastIndex = index;
    }
    this.offerAgain();
  }

  /** Ask; a last turn that never got its answer makes way for the new attempt when `replace` is set. */
  async ask(question, { replace = false } = {}) {
    if (this.busy) return;
    this.last?.view.offer();
    if (replace && this.last && !this.last.complete) this.last.view.element.remove();
    const turn = { question, view: this.#add(question), complete: false, timer: 0, ...this.hooks.request() };
    this.last = turn;
    const controller = (this.#controller = new AbortController());
    this.hooks.changed("busy");
    try {
      await this.#attempts(turn, controller.signal);
    } catch (error) {
      this.#failed(turn, error);
    } finally {
      clearInterval(turn.timer);
    }
    // A conversation that was reset or stopped meanwhile may already run its next question.
    if (this.#controller === controller) this.#controller = null;
    if (this.last === turn) this.offerAgain();
    this.hooks.changed("busy");
    this.hooks.changed("turn");
  }

  /** The buttons under the last turn, in the page's language. */
  offerAgain() {
    if (!this.last) return;
    const { question, view, complete } = this.last;
    const again = () => this.ask(question, { replace: true });
    view.offer([complete ? t("askAgain") : t("retry"), again], [t("edit"), () => this.hooks.edit(question)]);
  }

  #add(question) {
    const view = new TurnView(question, this.hooks.speaker(), this.hooks.grown);
    this.list.append(view.element);
    return view;
  }

  async #attempts(turn, signal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#stream(turn, signal);
      } catch (error) {
        const seconds = this.#retryAfter(turn, error);
        if (seconds === null || attempt >= ATTEMPTS) throw error;
        clearInterval(turn.timer);
        await this.#waitOut(turn.view, error.message, seconds, signal);
        turn.view.clear();
      }
    }
  }

  /** Seconds after which a refusal may be gone: a full queue, or the local model still loading. */
  #retryAfter({ view, alias }, error) {
    if (!(error instanceof ServiceError) || error.retryAfter === null || view.text) return null;
    return error.status === 429 || (error.status === 503 && alias === "Llama") ? Math.max(1, error.retryAfter) : null;
  }

  async #waitOut(view, detail, seconds, signal) {
    const hurry = {};
    const waited = countdown(seconds, signal, (left) => view.tick(left), hurry);
    view.countdown(detail, seconds, { now: () => hurry.now(), cancel: () => this.stop() });
    say(`${detail} ${t("busy", { seconds })}`);
    try {
      await waited;
    } catch {
      throw new Stopped(t("given"));
    }
  }

  async #stream(turn, signal) {
    const { view, question, alias, fields } = turn;
    view.progress(t("sending"));
    say(t("sending"));
    const body = { input_data: question, ...fields };
    if (!settings.forget) Object.assign(body, { user_id: settings.userId, db_id: this.dbId });
    try {
      for await (const { event, data } of ask(alias, body, { signal, finish: settings.finish })) {
        this.#event(turn, event, data);
      }
    } catch (error) {
      if (!(error instanceof ConnectionLost) || !settings.finish || settings.forget || !this.dbId) throw error;
      await this.#recover(turn, error, signal);
    }
  }

  /** The connection went but the server was asked to finish: fetch the answer when it is stored. */
  async #recover(turn, error, signal) {
    clearInterval(turn.timer);
    turn.view.clear();
    turn.view.progress(t("recovering"));
    const stored = await recovered(this.dbId, turn.question, this.#lastIndex, signal);
    if (!stored) throw error;
    turn.view.append(stored.output_data);
    this.#event(turn, "done", { model: stored.model });
    this.#lastIndex = stored.index;
  }

  #event(turn, event, data) {
    const { view } = turn;
    if (event === "open") {
      if (data.dbId && data.dbId !== this.dbId) {
        this.dbId = data.dbId;
        this.hooks.changed("room");
      }
      view.progress(t("thinking"));
    } else if (event === "queue") {
      this.#queued(turn, data);
    } else if (event === "token") {
      clearInterval(turn.timer);
      if (!view.text) say(t("writing"));
      view.append(data.text);
    } else if (event === "done") {
      turn.complete = true;
      this.#lastIndex += data.history === "none" ? 0 : 1;
      view.finish(data);
      say(t("done"));
      announce(view.text);
    }
  }

  /** The place in the queue; between the server's messages the seconds go on by themselves. */
  #queued(turn, { position, eta_s: eta }) {
    const until = Date.now() + eta * 1000;
    const text = () => {
      const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
      return position <= 1 ? t("queueNext", { seconds }) : t("queuePosition", { position, seconds });
    };
    clearInterval(turn.timer);
    turn.timer = setInterval(() => turn.view.progress(text()), 1000);
    turn.view.progress(text());
    if (turn.position !== position) say(text());
    turn.position = position;
  }

  #failed({ view }, error) {
    const stopped = error.name === "AbortError";
    const kept = settings.finish && !settings.forget;
    const text = stopped ? t(kept ? "stoppedFinishing" : "stopped") : error.message;
    view.interrupt(text, !stopped && !(error instanceof Stopped));
    say(text);
    if (!stopped && ![ServiceError, ConnectionLost, Stopped].some((kind) => error instanceof kind)) throw error;
  }
}
