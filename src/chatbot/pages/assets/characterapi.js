// The characters that the service keeps of the user, as functions.

import { json, owner, request } from "./api.js";

const JSON_HEADERS = { Accept: "application/json", "Content-Type": "application/json" };
const at = (id) => `characters/${id}`;

/** All of the user's: [{id, version, name, excerpt, updated_at, avatar}], those changed last first. */
export const listCharacters = async () => (await json(`characters?${owner()}`)).characters;

export const readCharacter = (id) => json(`${at(id)}?${owner()}`);
export const createCharacter = (fields) => json(`characters?${owner()}`, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(fields) });
export const deleteCharacter = (id) => json(`${at(id)}?${owner()}`, { method: "DELETE" });

/** Change a character of which `version` was read; ServiceError 409 when it was changed elsewhere meanwhile. */
export const changeCharacter = (id, version, fields) =>
  json(`${at(id)}?${owner()}`, { method: "PUT", headers: JSON_HEADERS, body: JSON.stringify({ ...fields, version }) });

/** Keep the character of a card, its JSON value: {character, cut, left_out, unused}. */
export const importCharacter = (card) => json(`characters/import?${owner()}`, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(card) });

/** A V3 card as a file; `format` is json or png. */
export const exportCharacter = async (id, format) => (await request(`${at(id)}/card?${owner()}&format=${format}`)).blob();

/** The picture as an address of its own, which needs no key to be shown. */
export async function readPicture(id) {
  const blob = await (await request(`${at(id)}/avatar?${owner()}`)).blob();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Give a character a picture, a PNG, or take it away (null); gives the character under its next version. */
export const putPicture = (id, version, png) => {
  const headers = { Accept: "application/json", ...(png && { "Content-Type": "image/png" }) };
  return json(`${at(id)}/avatar?${owner()}&version=${version}`, { method: png ? "PUT" : "DELETE", headers, body: png });
};
