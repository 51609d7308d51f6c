// What the page knows of its service; the server writes it into the page (chatbot.api.pages).

import { currentLanguage } from "./i18n.js";

export const facts = JSON.parse(document.documentElement.dataset.facts);

/** A text of the service's, which has both languages, in the page's. */
export const say = (text) => text[currentLanguage()];
