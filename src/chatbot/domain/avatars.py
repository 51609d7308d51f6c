"""The picture of a stored character: a PNG of which only what is seen is kept.

Nothing is decoded here, so that no picture decides how much work or memory it takes; whoever shows it decodes
it, within the bounds that its head states. What a file may hide beside the picture (texts, other cards,
positions, animations, whatever follows the end) is left out. Why it is not encoded anew:
docs/decisions/19-characters.md. Source: PNG specification (W3C, 3rd edition) §5 and §11.
"""

import base64
import struct
import zlib

from chatbot.domain.card_files import PNG, CardError, png_chunks

AVATAR_BYTES = 1024 * 1024
AVATAR_SIDE = 2048
"""Most pixels in a row and in a column: 16 MiB where it is shown."""

_SEEN = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"IDAT", b"IEND")
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample by colour type."""


class AvatarRefused(ValueError):
    """The bytes are no picture that can be kept. ``fault`` says why: png, side or size."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def cleaned(file: bytes) -> bytes:
    """The PNG with its picture alone, at most 1 MiB.

    Raises:
        AvatarRefused: it is no whole PNG, has too many pixels, or its picture too many bytes.
    """
    if not file.startswith(PNG):
        raise AvatarRefused("png")
    try:
        chunks = [(kind, body) for kind, body in png_chunks(file) if kind in _SEEN or not kind]
    except CardError:
        raise AvatarRefused("png") from None
    kinds = [kind for kind, _ in chunks]
    if not chunks or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds or b"" in kinds:
        raise AvatarRefused("png")
    if kinds.count(b"IHDR") > 1 or len(chunks[0][1]) != 13:
        raise AvatarRefused("png")
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    if depth not in _DEPTHS.get(colour, ()) or (colour == 3 and b"PLTE" not in kinds):
        raise AvatarRefused("png")
    if not (0 < width <= AVATAR_SIDE and 0 < height <= AVATAR_SIDE):
        raise AvatarRefused("side")
    picture = PNG + b"".join(_chunk(kind, body) for kind, body in chunks)
    if len(picture) > AVATAR_BYTES:
        raise AvatarRefused("size")
    return picture


def with_card(picture: bytes, card: bytes) -> bytes:
    """A cleaned PNG that carries a V3 card, the bytes of its JSON, as its specification says."""
    text = _chunk(b"tEXt", b"ccv3\x00" + base64.b64encode(card))
    head = len(PNG) + 12 + 13
    return picture[:head] + text + picture[head:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
