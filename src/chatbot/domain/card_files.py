"""From the bytes of a character card's file to its JSON: a JSON file, or a PNG that carries it as text.

``pages/assets/cardfile.js`` reads the same files alike; tests/domain/card_table.py holds both to one table.
Sources: PNG specification (W3C, 3rd edition) §11.3.3 for tEXt, zTXt and iTXt; WHATWG Infra, "forgiving-base64
decode", which is what browsers do; Character Card V2 and V3 for the keywords.
"""

import binascii
import json
import re
import struct
import zlib
from collections.abc import Iterator
from typing import NoReturn

MAX_FILE_BYTES = 32 * 1024 * 1024
"""A picture with a long lorebook in it; what is larger, or unpacks to more, is no card."""

PNG = b"\x89PNG\r\n\x1a\n"
_KEYWORDS = (b"ccv3", b"chara")
"""In the order of preference: a V3 card carries a V2 one beside it for old readers."""

_TEXT_KINDS = (b"tEXt", b"zTXt", b"iTXt")
_SPACES = b"\t\n\f\r "
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")


class CardError(ValueError):
    """The file is no character card; the message says why, without the file's text."""


def read_card_file(file: bytes) -> object:
    """The JSON value that the file holds.

    Raises:
        CardError: it holds none.
    """
    payload = card_text(file)
    try:
        # Numbers are of no use here, and an integer of a million digits would take its time.
        return json.loads(
            payload.decode("utf-8-sig"), parse_int=float, parse_float=float, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise CardError("the card is no JSON in UTF-8") from None


def card_text(file: bytes, most: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of the JSON that the file holds, at most ``most``, as the file may have.

    Raises:
        CardError: it holds none.
    """
    if len(file) > most:
        raise CardError("the file is too large for a card")
    if file.startswith(b"PK"):
        raise CardError("this is a CHARX archive: export the card as PNG or JSON")
    return _payload(file, most) if file.startswith(PNG) else file


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _payload(png: bytes, most: int) -> bytes:
    """The JSON in a PNG: base64 in the text of ``ccv3``, else of ``chara``; the last of each counts."""
    texts: dict[bytes, tuple[bytes, bytes]] = {}
    whole = True
    for kind, body in png_chunks(png):
        if not kind:
            whole = False
        elif kind in _TEXT_KINDS:
            keyword, _, rest = body.partition(b"\x00")
            texts[keyword.lower()] = kind, rest
    for keyword in _KEYWORDS:
        if keyword in texts:
            return _base64(_text(*texts[keyword], most))
    raise CardError(
        "the picture carries no card (no ccv3 or chara text)" if whole else "the picture is cut off"
    )


def png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk; an empty kind for one that reaches past the end.

    Raises:
        CardError: the checksum of a text is wrong.
    """
    place = len(PNG)
    while place + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kind = png[place + 4 : place + 8]
        body = png[place + 8 : place + 8 + length]
        checksum = png[place + 8 + length : place + 12 + length]
        if len(checksum) < 4:
            yield b"", b""
            return
        if kind in _TEXT_KINDS and zlib.crc32(kind + body) != int.from_bytes(checksum, "big"):
            raise CardError("the picture is damaged (a text chunk's checksum is wrong)")
        yield kind, body
        if kind == b"IEND":
            return
        place += 12 + length


def _text(kind: bytes, rest: bytes, most: int) -> bytes:
    """A text chunk's text; ``rest`` is what stands behind its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:], most) if rest[:1] == b"\x00" else _damaged()
    packed, method, fields = rest[:1], rest[1:2], rest[2:].split(b"\x00", 2)
    if len(fields) < 3:
        _damaged()
    if packed == b"\x00":
        return fields[2]
    return _inflated(fields[2], most) if (packed, method) == (b"\x01", b"\x00") else _damaged()


def _inflated(packed: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, most + 1)
    except zlib.error:
        _damaged()
    if len(text) > most:
        raise CardError("the file is too large for a card")
    return text if unpacker.eof and not unpacker.unused_data else _damaged()


def _damaged() -> NoReturn:
    raise CardError("the picture is damaged (a text chunk cannot be unpacked)")


def _base64(text: bytes) -> bytes:
    """Base64 as browsers decode it: line breaks and spaces do not count, padding may be absent."""
    packed = text.translate(None, _SPACES)
    if len(packed) % 4 == 0:
        packed = packed[:-2] + packed[-2:].rstrip(b"=")
    if len(packed) % 4 == 1 or not _BASE64.fullmatch(packed):
        raise CardError("the picture's text is no base64")
    return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))
