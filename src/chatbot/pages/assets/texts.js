// Every sentence of the chat page, parted by subject; in each part the keys of the two languages are the same.

import { CARD_TEXTS } from "./cardtexts.js";
import { CHARACTER_TEXTS } from "./charactertexts.js";
import { CHAT_TEXTS } from "./chattexts.js";
import { FORM_TEXTS } from "./formtexts.js";
import { MEMORY_TEXTS } from "./memorytexts.js";

const PARTS = [CHAT_TEXTS, FORM_TEXTS, CHARACTER_TEXTS, CARD_TEXTS, MEMORY_TEXTS];

const joined = (language) => Object.assign({}, ...PARTS.map((part) => part[language]));

export const TEXTS = { ko: joined("ko"), en: joined("en") };
