// The chat page: puts its parts together.

import * as api from "./api.js";
import { CharacterForm } from "./character.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { byId, make, toast } from "./dom.js";
import { Generation } from "./generation.js";
import { facts, say } from "./facts.js";
import { ImportDialog } from "./importing.js";
import { currentLanguage, setLanguage, t, translate } from "./i18n.js";
import { ModelList } from "./models.js";
import { PinnedFacts } from "./pinned.js";
import { RoomList } from "./rooms.js";
import { settingsDialog } from "./settings.js";
import { closeSide, isNarrow, showSide, sideIsOpen } from "./side.js";
import { USER_KEY, settings } from "./store.js";
import { scene, welcome } from "./welcome.js";

const { service } = facts;
const ROOM_ID = /^#([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const NEAR_END = 80;

const scroll = byId("scroll");
const models = new ModelList();
const search = byId("search");
const links = facts.others.map((other) => ({
  title: other.title,
  link: make("a", { className: "row", href: `../${other.service}/`, hidden: true }),
}));
let atEnd = true;
let askable = true; // As the turns' buttons have it.

const character = facts.character && new CharacterForm(newRoom, draw);
const conversation = new Conversation(byId("turns"), {
  request: () => ({ alias: models.chosen, fields: { ...character?.fields, ...generation.fields, ...(facts.search && { [facts.search]: search.checked }) } }),
  speaker: (askedWith) => (askedWith && character?.speakerOf(askedWith)) || speaker(),
  grown: () => follow(),
  mayAsk,
  changed,
  edit(turn) {
    composer.set(turn.question, turn);
    composer.focus();
  },
  pin: (text) => pinned.edit(text),
});
const generation = new Generation();
const pinned = new PinnedFacts({
  room: () => conversation.storedRoom,
  facts: () => conversation.facts,
  take: (stored) => conversation.take({ facts: stored }),
  tokens: () => conversation.report && (conversation.report.tokens.facts ?? 0),
});
const rooms = new RoomList({
  open: openRoom,
  current: () => conversation.dbId,
  gone(dbId) {
    generation.unsent.forget(dbId);
    character?.note?.unsent.forget(dbId);
    if (dbId === conversation.dbId) newRoom();
  },
  drawn: () => drawHead(),
});
const composer = new Composer({
  ready: () => !conversation.busy && mayAsk(),
  refused: () => mayAsk() || toast(t("keptGone")),
  recall: () => conversation.recall(),
  draft: `chatbot.draft.${service}`,
  send(question, edited) {
    conversation.ask(question, edited);
    drawHead();
    drawWelcome();
  },
});

/** Whether there is somebody to ask: not where the character was deleted. */
function mayAsk() {
  return !character?.deleted;
}

function changed(what) {
  if (what === "busy") {
    byId("stop").hidden = !conversation.answering;
    byId("send").hidden = conversation.answering;
    composer.update();
    if (conversation.answering) {
      atEnd = true;
      focusAgain();
    }
  } else if (what === "gone") {
    const { dbId } = conversation;
    newRoom();
    generation.unsent.emptied(dbId);
    character?.note?.unsent.emptied(dbId);
    draw();
    rooms.refresh();
  } else if (what === "path") {
    if (!conversation.turns.includes(composer.edited)) composer.leaveEdit();
    takeUp();
    generation.draw();
    drawHead();
    drawWelcome();
    focusAgain();
  } else if (what === "room") {
    history.replaceState(null, "", `#${conversation.dbId}`);
    generation.unsent.named(conversation.dbId);
    character?.note?.unsent.named(conversation.dbId);
  } else if (what === "memory") {
    pinned.draw();
  } else {
    const { last, askedWith } = conversation.path;
    if (last?.complete) generation.sent(askedWith);
    if (last) character?.asked(last.complete, askedWith);
    pinned.draw();
    rooms.refresh();
  }
}

/** Where the button that was pressed is gone, the keyboard goes on at the question. */
function focusAgain() {
  if (document.activeElement === document.body && !isNarrow()) composer.focus();
}

/** Keep the newest text in sight unless the reader has scrolled away from it. */
function follow() {
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  byId("to-end").hidden = atEnd;
}

/** Whether the reader is at the end, where new text is to stay in sight. */
function look() {
  atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
  byId("to-end").hidden = atEnd;
}

/** Who answers, by name. */
function speaker() {
  return character?.current.name ?? t("assistant");
}

function drawHead() {
  const title = rooms.titleOf(conversation.dbId) || conversation.turns[0]?.question || (character?.current.name ?? t("newRoom"));
  byId("title").textContent = title;
  document.title = `${title} · ${say(facts.title)}`;
}

function drawWelcome() {
  const blank = conversation.path.last === null;
  const put = (text) => {
    composer.set(text);
    composer.focus();
  };
  byId("welcome").hidden = !character && !blank;
  byId("welcome").replaceChildren(...(character ? scene(character, blank) : welcome(put)));
  composer.field.placeholder = !character ? t("placeholder") : t(mayAsk() ? "characterPlaceholder" : "chooseCharacter", character.current);
  if (askable === mayAsk()) return;
  askable = mayAsk();
  conversation.offer();
  composer.update();
  focusAgain();
}

/** Write everything that depends on language, service or character. */
function draw() {
  translate();
  byId("service-name").textContent = say(facts.title);
  byId("language").textContent = t("otherLanguage");
  byId("language").lang = currentLanguage() === "ko" ? "en" : "ko";
  byId("language").setAttribute("aria-label", t("otherLanguageLabel"));
  for (const { link, title } of links) link.textContent = t("openService", { title: say(title) });
  byId("notice").textContent = t(character ? "characterNotice" : "aiNotice");
  composer.update();
  models.draw();
  generation.draw();
  pinned.draw();
  drawHead();
  drawWelcome();
  rooms.draw();
}

/** Go on as the path on the page was last asked: with its settings and its character; say so when nobody knows that one. */
function takeUp() {
  const { dbId, turns, path } = conversation;
  generation.take(dbId, path.askedWith);
  if (!character || !turns.length || character.takeUp(dbId, path.askedWith)) return;
  toast(t("characterUnknown", character.current));
}

function newRoom() {
  conversation.reset();
  character?.begin();
  generation.begin();
  composer.set("");
  history.replaceState(null, "", location.pathname);
  draw();
  closeSide();
  if (!isNarrow()) composer.focus();
}

/** Somebody else uses the page: nothing of the former user's stays, in open dialogs either. */
function otherUser() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  generation.unsent.forgetAll();
  character?.otherUser();
  for (const { dialog } of [pinned, conversation.cutLine]) dialog.clear();
  newRoom();
}

/** Show a room, at one of its turns if one is named; `draft` keeps what stands in the composer, as after a reload. */
async function openRoom(dbId, turn = null, { draft = false } = {}) {
  try {
    if (!(await conversation.open(dbId, turn))) return;
  } catch (error) {
    toast(error.message);
    // A room that is out of reach for now keeps its address, for the next reload.
    if (error.status === 404 && !conversation.dbId) history.replaceState(null, "", location.pathname);
    return;
  }
  takeUp();
  history.replaceState(null, "", `#${dbId}`);
  if (!draft) composer.set("");
  atEnd = !turn;
  draw();
  follow();
  closeSide();
  if (turn) {
    conversation.find(turn);
    look();
  } else if (!isNarrow()) composer.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || document.querySelector("dialog[open]")) return;
  if (sideIsOpen()) closeSide();
  else if (composer.edited) composer.leaveEdit();
  else conversation.stop();
});

scroll.addEventListener("scroll", look);
byId("to-end").onclick = () => {
  atEnd = true;
  follow();
};
byId("stop").onclick = () => {
  conversation.stop();
  composer.focus();
};
byId("new-room").onclick = newRoom;
byId("export").onclick = () => rooms.download(service);
byId("export-room").onclick = () => rooms.downloadRoom(service, speaker());
byId("edit-character").onclick = () => character.edit();
byId("language").onclick = () => {
  setLanguage(currentLanguage() === "ko" ? "en" : "ko");
  draw();
  conversation.offer();
};
new ImportDialog({ open: openRoom, changed: () => rooms.refresh(), askedWith: (room) => character?.askedWith(room) ?? null });
settingsDialog({
  saved({ newUser }) {
    if (newUser) otherUser();
    rooms.refresh();
    models.refresh();
  },
  async deleteAll() {
    const deleted = await rooms.deleteAll();
    if (deleted) newRoom();
    return deleted;
  },
});

// Another tab's settings are this one's too.
addEventListener("storage", ({ key }) => {
  if (key !== USER_KEY) return;
  otherUser();
  rooms.refresh();
});

/** Show the way to another service once it has answered. */
async function showIfThere(link) {
  link.hidden = !(await api.exists(link.getAttribute("href")));
}

document.documentElement.classList.toggle("scene", Boolean(character));
byId("search-chip").hidden = !facts.search;
byId("edit-character").hidden = !character;
byId("export-room").before(...links.map(({ link }) => link));
showSide(false);
draw();
rooms.refresh();
models.refresh();
for (const { link } of links) showIfThere(link);
const linked = ROOM_ID.exec(location.hash)?.[1];
if (linked && !settings.forget) openRoom(linked, null, { draft: true });
else {
  conversation.resume();
  takeUp();
  draw();
}
if (!linked && !isNarrow()) composer.focus();
