// Going on with an answer that was cut off: the service keeps its stream while it runs and some minutes after it.

import { ConnectionLost, ServiceError, resumed } from "./api.js";
import { RECOVER_AFTER, countdown } from "./waiting.js";

const AGAIN_AFTER = [0, ...RECOVER_AFTER];

/** Whether a refusal may be over soon: the network or the service is not back yet. */
const passes = (error) => error instanceof ConnectionLost || (error instanceof ServiceError && error.status >= 500);

/**
 * Give `take` each event of an answer behind the last one seen, over as many connections as it takes; `answer` is {id, seen},
 * and `take` moves `seen` on. True when the answer is complete, false when the service does not keep it here or stays away.
 */
export async function goneOn(answer, take, signal) {
  for (let tries = 0; tries < AGAIN_AFTER.length; tries += 1) {
    await countdown(AGAIN_AFTER[tries], signal, () => {});
    let events = null;
    try {
      events = await resumed(answer, signal);
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404) return false;
      if (!passes(error)) throw error;
      continue;
    }
    try {
      for await (const event of events) {
        take(event);
        tries = -1; // It goes on: the next cut has all its tries.
      }
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
  }
  return false;
}
