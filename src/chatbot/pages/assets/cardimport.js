// Importing a card's file into the gallery, and what is told of it.

import { CardError, MAX_FILE_BYTES, readCardFile } from "./cardfile.js";
import { importCharacter, putPicture } from "./characterapi.js";
import { t } from "./i18n.js";
import { smallPicture } from "./picture.js";

const PNG_START = 0x89;
const MOST_GREETINGS = 30;
// Fields of a card and of a character that have a name of their own here; another is called as the card calls it.
const NAMED = new Set([
  ...["name", "nickname", "greeting", "alternate_greetings", "context", "example_dialogue", "post_history_instructions", "lorebook"],
  ...["avatar", "creator", "creator_notes", "creator_notes_multilingual", "system_prompt", "tags", "character_version", "extensions"],
  ...["group_only_greetings", "assets", "source", "creation_date", "modification_date"],
]);

/** What a field is called; `lorebook[3]` is the third entry. */
function nameOf(field) {
  const [, entry] = /^lorebook\[(\d+)\]$/.exec(field) ?? [];
  if (entry) return t("field_entry", { number: entry });
  return NAMED.has(field) ? t(`field_${field}`) : field;
}

const namesOf = (fields) => fields.map(nameOf).join(", ");

/** What was cut: a text, or a list. Other greetings are a list of so few that no text is cut to that length. */
function cutLine({ field, had, kept }) {
  const items = field === "lorebook" || (field === "alternate_greetings" && kept <= MOST_GREETINGS);
  return t(items ? "keptFewer" : "keptCut", { field: nameOf(field), had: had.toLocaleString(), kept: kept.toLocaleString() });
}

/** Give a character the picture of its card; what to call it when that fails, else null. */
async function withPicture({ id, version }, file) {
  try {
    const picture = await smallPicture(file);
    if (!picture) return t("field_avatar");
    await putPicture(id, version, picture);
    return null;
  } catch (error) {
    // The character is kept by now: importing its card again would keep it twice.
    return t("pictureFailed", { reason: error.message });
  }
}

async function imported(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { character, cut, left_out: leftOut, unused } = await importCharacter(await readCardFile(bytes));
  const picture = bytes[0] === PNG_START ? await withPicture(character, file) : null;
  const missing = [namesOf(leftOut), picture].filter(Boolean).join(", ");
  return [
    t("keptImported", character),
    ...cut.map(cutLine),
    ...(unused.length ? [t("keptUnused", { fields: namesOf(unused) })] : []),
    ...(missing ? [t("keptLeftOut", { fields: missing })] : []),
    ...(character.unsupported.length ? [t("keptUnsupported", { numbers: character.unsupported.join(", ") })] : []),
  ];
}

/**
 * Import a card's file: {lines, failed}. It is read here and its picture made small, so that a large picture keeps no card
 * out; the service refuses texts of more than 1.5 MiB.
 */
export async function importFile(file) {
  const failed = (reason) => ({ lines: [`${file.name}: ${reason}`], failed: true });
  if (file.size > MAX_FILE_BYTES) return failed(t("cardTooBig", { limit: MAX_FILE_BYTES / 2 ** 20 }));
  try {
    return { lines: await imported(file), failed: false };
  } catch (error) {
    return failed(error instanceof CardError ? t(error.code) : error.message);
  }
}
