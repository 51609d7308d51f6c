// Waiting that can be ended: for a refusal's Retry-After, and for an answer that the server completes alone.

import { ServiceError, turnsOf } from "./api.js";

const RECOVER_SECONDS = 200;
const RECOVER_AFTER = [1, 2]; // Seconds before the first looks.
const RECOVER_EVERY = 3;

/** The user ended a wait; the message says so. */
export class Stopped extends Error {}

const aborted = () => new DOMException("stopped", "AbortError");

/**
 * Count `seconds` down by the clock, so that a phone that slept wakes up at the right number.
 * `onTick` gets the whole seconds left; resolves at zero or when `hurry.now()` is called, rejects on abort.
 */
export function countdown(seconds, signal, onTick, hurry = {}) {
  return new Promise((resolve, reject) => {
    const until = Date.now() + seconds * 1000;
    let shown = seconds;
    const finish = (settle, value) => {
      clearInterval(timer);
      signal.removeEventListener("abort", stop);
      settle(value);
    };
    const stop = () => finish(reject, aborted());
    const timer = setInterval(() => {
      const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      if (left !== shown) onTick((shown = left));
      if (Date.now() >= until) finish(resolve);
    }, 100);
    hurry.now = () => finish(resolve);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}

/** The stored turn of a question whose connection was lost, or null if it does not appear in time. */
export async function recovered(dbId, question, after, signal) {
  const until = Date.now() + RECOVER_SECONDS * 1000;
  for (let look = 0; Date.now() < until; look += 1) {
    await countdown(RECOVER_AFTER[look] ?? RECOVER_EVERY, signal, () => {});
    try {
      const turns = await turnsOf(dbId, after, { signal });
      const found = turns.findLast((turn) => turn.input_data === question);
      if (found) return found;
    } catch (error) {
      // A room that is not there yet, or a network that is not back yet, is what is being waited for.
      if (error.name === "AbortError" || (error instanceof ServiceError && error.status !== 404 && error.status < 500)) throw error;
    }
  }
  return null;
}
