// Waiting that can be ended: for a refusal's Retry-After, and for an answer that the server completes alone.

import { ServiceError, turnsOf } from "./api.js";

// Seconds between looks for an answer: one that the service completes alone, and one that was left unfinished.
export const RECOVER_AFTER = [1, 2, ...Array(66).fill(3)];
export const LEFT_AFTER = [0.2, 0.5, 1, 2];

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

/**
 * The last turn of a room's path that is `wanted` and was stored after the index `from`, looked for after each of these
 * seconds; null if there is none.
 */
export async function recovered(dbId, from, wanted, times, signal) {
  for (const seconds of times) {
    await countdown(seconds, signal, () => {});
    try {
      const found = (await turnsOf(dbId, { from, signal })).findLast(wanted);
      if (found) return found;
    } catch (error) {
      // A room that is not there yet, or a network that is not back yet, is what is being waited for.
      if (error.name === "AbortError" || (error instanceof ServiceError && error.status !== 404 && error.status < 500)) throw error;
    }
  }
  return null;
}
