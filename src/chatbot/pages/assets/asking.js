// One question under way: sent, waited for, tried again, and its answer put on the page as it comes.

import { ConnectionLost, ServiceError, ask } from "./api.js";
import { t } from "./i18n.js";
import { goneOn } from "./resuming.js";
import { settings } from "./store.js";
import { announce, say } from "./turnview.js";
import { LEFT_AFTER, RECOVER_AFTER, Stopped, countdown, recovered } from "./waiting.js";

const ATTEMPTS = 6; // The first and five more, as the suite's load test tries.

export class Asking {
  #controller = new AbortController();
  #timer = 0;

  /**
   * `turn` is the turn on the page that gets the answer; `room` is the conversation: its `dbId`, `opened(dbId)` when the
   * service has named the room and the answer, the `lastIndex` that the page knows, and `answers(stored, question)`, which
   * tells whether a stored turn is the question's. `answer` is the id of an answer that a reload has cut off, else null.
   */
  constructor(turn, room, answer = null) {
    this.turn = turn;
    this.room = room;
    this.#follow(answer);
  }

  /** Take note of the answer whose stream can be gone on with, of which nothing was seen yet; null: it cannot. */
  #follow(id) {
    this.answer = id && { id, seen: "0" };
  }

  stop() {
    this.#controller.abort();
  }

  /** Ask until there is an answer, a failure or a stop; what came of it stands in the turn then. */
  async run() {
    try {
      await this.#attempts();
    } catch (error) {
      this.#failed(error);
    } finally {
      clearInterval(this.#timer);
    }
  }

  /** Go on with an answer that a reload has cut off, or look for it as long as the service may still store it. */
  async resume() {
    const { view } = this.turn;
    view.progress(t("resuming"));
    try {
      if (await this.#goneOn()) return;
      view.begin(this.turn.begun);
      view.progress(t("resuming"));
      const stored = this.room.dbId && (await this.#stored(settings.finish ? RECOVER_AFTER : LEFT_AFTER, this.#controller.signal));
      if (!stored) return view.interrupt(t("interrupted"), false);
      this.turn.show(stored);
      this.#done();
    } catch (error) {
      this.#failed(error);
    } finally {
      clearInterval(this.#timer);
    }
  }

  async #attempts() {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#stream();
      } catch (error) {
        const seconds = this.#retryAfter(error);
        if (seconds === null || attempt >= ATTEMPTS) throw error;
        clearInterval(this.#timer);
        await this.#waitOut(error.message, seconds);
        this.turn.view.begin(this.turn.begun);
      }
    }
  }

  /** Whether the model has written anything. */
  get #written() {
    return this.turn.view.text.length > this.turn.begun.length;
  }

  /** Seconds after which a refusal may be gone: a full queue, or the local model still loading. */
  #retryAfter(error) {
    if (!(error instanceof ServiceError) || error.retryAfter === null || this.#written) return null;
    return error.status === 429 || (error.status === 503 && this.turn.alias === "Llama") ? Math.max(1, error.retryAfter) : null;
  }

  async #waitOut(detail, seconds) {
    const { view } = this.turn;
    const hurry = {};
    const waited = countdown(seconds, this.#controller.signal, (left) => view.tick(left), hurry);
    view.countdown(detail, seconds, { now: () => hurry.now(), cancel: () => this.stop() });
    say(`${detail} ${t("busy", { seconds })}`);
    try {
      await waited;
    } catch {
      throw new Stopped(t("given"));
    }
  }

  async #stream() {
    const { view, question, aim, alias, fields } = this.turn;
    this.#follow(null);
    view.progress(t("sending"));
    say(t("sending"));
    // The service has the question that is asked once more, or whose answer goes on.
    const body = { ...(aim.regenerate || aim.continue ? {} : { input_data: question }), ...aim, ...fields };
    if (!settings.forget) Object.assign(body, { user_id: settings.userId, db_id: this.room.dbId });
    try {
      for await (const event of ask(alias, body, { signal: this.#controller.signal, finish: settings.finish })) this.#event(event);
    } catch (error) {
      if (!(error instanceof ConnectionLost) || !settings.finish || settings.forget || !this.room.dbId) throw error;
      await this.#finishedByServer(error);
    }
  }

  /** Follow the stream of the answer on, if it has one and the service keeps it; whether the answer is complete. */
  async #goneOn() {
    return this.answer !== null && goneOn(this.answer, (event) => this.#event(event), this.#controller.signal);
  }

  /** The connection went but the server was asked to finish: go on where it was, else fetch the answer when it is stored. */
  async #finishedByServer(error) {
    clearInterval(this.#timer);
    this.turn.view.progress(t("reconnecting"));
    if (await this.#goneOn()) return;
    clearInterval(this.#timer);
    this.turn.view.begin(this.turn.begun);
    this.turn.view.progress(t("recovering"));
    const stored = await this.#stored(RECOVER_AFTER, this.#controller.signal);
    if (!stored) throw error;
    this.turn.show(stored);
    this.#done();
  }

  /** What was stored of this question, looked for after each of these seconds; null when it does not appear. */
  #stored(times, signal) {
    const wanted = (stored) => this.room.answers(stored, this.turn.question);
    return recovered(this.room.dbId, this.room.lastIndex, wanted, times, signal);
  }

  #event({ event, data, id }) {
    const { turn } = this;
    if (id && this.answer) this.answer.seen = id;
    if (event === "open") {
      this.#follow(data.answer);
      this.room.opened(data.dbId);
      turn.view.progress(t("thinking"));
    } else if (event === "queue") {
      this.#queued(data);
    } else if (event === "token") {
      clearInterval(this.#timer);
      if (!this.#written) say(t("writing"));
      turn.view.append(data.text);
    } else if (event === "done") {
      turn.finish(data);
      this.#done();
    }
  }

  #done() {
    say(t("done"));
    announce(this.turn.view.text);
  }

  /** The place in the queue; between the server's messages the seconds go on by themselves. */
  #queued({ position, eta_s: eta }) {
    const until = Date.now() + eta * 1000;
    const text = () => {
      const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
      return position <= 1 ? t("queueNext", { seconds }) : t("queuePosition", { position, seconds });
    };
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.turn.view.progress(text()), 1000);
    this.turn.view.progress(text());
    if (this.position !== position) say(text());
    this.position = position;
  }

  #failed(error) {
    const stopped = error.name === "AbortError";
    const left = stopped || error instanceof ConnectionLost;
    if (!left && ![ServiceError, Stopped].some((kind) => error instanceof kind)) throw error;
    const stored = this.room.dbId && !settings.forget;
    this.leftBehind = left && this.#written && stored && !settings.finish;
    let text = error.message;
    if (stopped) text = t(this.leftBehind ? "keeping" : stored && settings.finish ? "stoppedFinishing" : "stopped");
    this.turn.view.interrupt(text, !stopped && !(error instanceof Stopped));
    say(text);
  }

  /** Show what the service kept of an answer that was left. */
  async keepLeftBehind() {
    const { view } = this.turn;
    if (!view.element.isConnected) return;
    const stored = await this.#stored(LEFT_AFTER, new AbortController().signal).catch(() => null);
    if (!view.element.isConnected) return;
    if (stored) this.turn.show(stored);
    else if (!view.element.classList.contains("failed")) view.interrupt(t("stopped"), false);
  }
}
