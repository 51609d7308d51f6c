// Web addresses in a text: http and https, shown whole and as they are written, so that nobody follows what he does not see.

// The host is ASCII: another alphabet can look like it. Behind it a letter of another alphabet belongs to the address where
// it does not follow an ASCII one: in "…/wiki/서울" it does, in "…/wiki에서" it is a particle.
const REST = "(?:[!#-)+-;=?-Z_a-z~\\[\\]]|(?<![0-9A-Za-z])(?![\\0-\\x7f])[\\p{L}\\p{M}\\p{N}])*";
const HOST = "[0-9A-Za-z.-]+(?![0-9.-]|(?![가-힣])\\p{L})";
export const ADDRESS = `https?://${HOST}(?::\\d{1,5})?(?:[/?#]${REST})?`;

/** An address without the punctuation of the sentence around it. */
export function trimmed(address) {
  let end = address.length;
  let open = address.split("(").length - address.split(")").length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1];
    if (last === ")" && open < 0) open += 1;
    else if (!/[.,:;!?'\]]/.test(last)) break;
  }
  return address.slice(0, end);
}
