// Pictures of characters: made small before they are sent, loaded when they come into sight.

import { readPicture } from "./characterapi.js";
import { make } from "./dom.js";

const SIDE = 512;
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_BYTES = 1024 * 1024;
const MAX_SIDE = 8192;

/** The sides that a PNG's head states; null for another file. */
function statedSides(head) {
  const view = new DataView(head);
  return view.byteLength >= 24 && view.getUint32(0) === 0x89504e47 ? [view.getUint32(16), view.getUint32(20)] : null;
}

function drawn(image, side) {
  const scale = Math.min(1, side / Math.max(image.width, image.height));
  const canvas = make("canvas", { width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** A file's picture as a PNG that the service keeps; null for what is no picture, or too large to be decoded. */
export async function smallPicture(file) {
  const sides = statedSides(await file.slice(0, 24).arrayBuffer());
  if (file.size > MAX_FILE_BYTES || (sides && Math.max(...sides) > MAX_SIDE)) return null;
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return null;
  try {
    for (let side = SIDE; side >= 64; side /= 2) {
      const png = await drawn(image, side);
      if (png && png.size <= MAX_BYTES) return png;
    }
    return null;
  } finally {
    image.close();
  }
}

const known = new Map();
const waiting = new WeakMap();
const inSight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    inSight.unobserve(target);
    show(target, waiting.get(target));
  }
});

async function show(face, { id, version }) {
  const key = `${id} ${version}`;
  if (!known.has(key)) known.set(key, readPicture(id).catch(() => null));
  const address = await known.get(key);
  if (address) face.replaceChildren(make("img", { src: address, alt: "" }));
  else known.delete(key);
}

/** Forget all pictures: the next user may not see them. */
export const forgetPictures = () => known.clear();

/** What stands for a character: its picture once it is in sight, until then and without one the name's first letter. */
export function faceOf({ id, version, name, avatar }, className = "face") {
  const face = make("div", { className, ariaHidden: "true" }, Array.from(name)[0] ?? "");
  if (avatar) {
    waiting.set(face, { id, version });
    inSight.observe(face);
  }
  return face;
}
