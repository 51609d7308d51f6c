// The question that has no answer yet. This tab remembers it, so that a reload loses nothing and asks nothing twice.

import { facts } from "./facts.js";
import { composed } from "./plaintext.js";
import { readJson, session, writeJson } from "./store.js";

const KEY = `chatbot.pending.${facts.service}`;

/**
 * {dbId, question, aim, alias, fields, answer, known}: its room (null: none yet), what it asks for, whom and with which fields
 * (what the page has of them after a reload may be another tab's), the id of an answer that can be gone on with (else null),
 * and the stored turns that it came after.
 */
export const pending = {
  read: () => readJson(KEY, null, session),
  keep: (question) => writeJson(KEY, question, session),
  forget: () => session.remove(KEY),
};

/** Whether a stored turn holds the answer to a question that was asked when the turns `known` were there. */
export const answers = ({ id, input_data: asked }, question, known) => !known.has(id) && composed(asked) === composed(question);
