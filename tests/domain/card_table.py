"""Files that two programs must read alike: the command (chatbot.domain.cards) and the page (assets/card.js).

All of them are made here. ``FILES`` are cards of one character, ``REFUSED`` are none.
"""

import base64
import json
import struct
import zlib
from typing import Any

FIELDS: dict[str, Any] = {
    "name": "Rachel",
    "description": "{{char}} is a librarian. <BOT> likes {{user}}.",
    "personality": "dry wit",
    "scenario": "A library at night.",
    "first_mes": "*{{Char}} looks up.* Hello, {{USER}}!",
    "mes_example": "<START>\n{{user}}: Hi\n{{char}}: Hush!",
}
EXPECTED = {
    "character_name": "Rachel",
    "greeting": "*Rachel looks up.* Hello, {{user}}!",
    "context": "Rachel is a librarian. Rachel likes {{user}}.\n\nPersonality: dry wit\n\n"
    "Scenario: A library at night.\n\nExamples:\n{{user}}: Hi\nRachel: Hush!",
}


def card(spec: str | None = "chara_card_v2", **more: Any) -> bytes:
    """A card whose fields stand under ``data``."""
    named = {} if spec is None else {"spec": spec, "spec_version": "2.0"}
    return json.dumps({**named, "data": {**FIELDS, **more}}).encode()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of one pixel with these chunks before its end."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\x00\x00"))]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*body, *(chunk(*one) for one in chunks), chunk(b"IEND", b"")])


def plain(text: bytes, keyword: bytes = b"chara") -> tuple[bytes, bytes]:
    return b"tEXt", keyword + b"\x00" + text


def packed(text: bytes, keyword: bytes = b"chara", method: bytes = b"\x00") -> tuple[bytes, bytes]:
    return b"zTXt", keyword + b"\x00" + method + text


def international(
    text: bytes, flag: int = 0, language: bytes = b"ko", method: int = 0
) -> tuple[bytes, bytes]:
    return b"iTXt", b"chara\x00" + bytes([flag, method]) + language + b"\x00\xec\xb9\xb4\x00" + text


B64 = base64.b64encode(card())
LINES = b"\r\n".join(B64[at : at + 76] for at in range(0, len(B64), 76))
UNPADDED = base64.b64encode(card(tags=["x"])).rstrip(b"=")
OTHER = base64.b64encode(card(name="Other"))
BOM = b"\xef\xbb\xbf"

FILES: dict[str, bytes] = {
    "V1": json.dumps(FIELDS).encode(),
    "V1 behind a byte order mark": BOM + json.dumps(FIELDS).encode(),
    "V2": card(),
    "V3": card("chara_card_v3"),
    "a spec of the future": card("chara_card_v9"),
    "fields under data, without a spec": card(None),
    "V2 with its fields at the top": json.dumps({"spec": "chara_card_v2", **FIELDS}).encode(),
    "V2 with its fields at the top and an empty data": json.dumps(
        {"spec": "chara_card_v2", **FIELDS, "data": {}}
    ).encode(),
    "fields at both places, as tools write for old readers": json.dumps(
        {"spec": "chara_card_v2", **FIELDS, "name": "Old", "data": FIELDS}
    ).encode(),
    "a spec that is no text": json.dumps({"spec": {"constructor": 1}, "data": FIELDS}).encode(),
    "numbers beyond a double": card(extensions={"a": 10**400, "b": -1.5e300}),
    "tEXt": picture(plain(B64)),
    "tEXt under ccv3": picture(plain(B64, b"ccv3")),
    "ccv3 before chara": picture(plain(OTHER), plain(B64, b"ccv3")),
    "the last of two": picture(plain(OTHER), plain(B64)),
    "a keyword in capitals, beside others": picture(plain(b"by hand", b"Comment"), plain(B64, b"Chara")),
    "base64 with line breaks": picture(plain(LINES)),
    "base64 with spaces around it": picture(plain(b" \t" + B64 + b"\n")),
    "base64 without padding": picture(plain(UNPADDED)),
    "zTXt": picture(packed(zlib.compress(B64))),
    "zTXt with line breaks": picture(packed(zlib.compress(LINES, 9))),
    "iTXt": picture(international(B64)),
    "iTXt without language": picture(international(B64, language=b"")),
    "iTXt packed": picture(international(zlib.compress(B64), 1)),
    "a picture whose end is missing": picture(plain(B64))[:-12],
    "a picture that is cut off behind the card": picture(plain(B64), (b"IDAT", b"x" * 100))[:-50],
    "something behind the end": picture(plain(B64)) + b"rest",
}

REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"no JSON",
    "a list": b"[1]",
    "null": b"null",
    "an empty object": b"{}",
    "a name that is a number": b'{"name": 3}',
    "a name that nobody sees": json.dumps({"name": " \u200b\u3164"}).encode(),
    "no data and no name": b'{"spec": "chara_card_v2", "data": []}',
    "data with a number for a name": b'{"data": {"name": 5}}',
    "not UTF-8": b"\xff\xfe{}",
    "Latin-1": json.dumps({"name": "é"}, ensure_ascii=False).encode("latin-1"),
    "NaN": b'{"name": "a", "x": NaN}',
    "Infinity": b'{"name": "a", "x": -Infinity}',
    "never closed": b"[" * 100_000,
    "an archive": b"PK\x03\x04",
    "a picture without text": picture(),
    "a picture with other text": picture(plain(b"gimp", b"Software")),
    "a text without a keyword's end": picture((b"tEXt", b"chara")),
    "no base64": picture(plain(b"!!!")),
    "base64 of an impossible length": picture(plain(B64.rstrip(b"=")[: len(B64) // 4 * 4 - 3])),
    "base64 with padding inside": picture(plain(b"eyJu==YW1lIjoi==")),
    "base64 for addresses": picture(plain(base64.urlsafe_b64encode(card(name="?>~" * 9)))),
    "base64 of no JSON": picture(plain(base64.b64encode(b"\xff\xfe{}"))),
    "a broken V3 beside a good V2": picture(plain(B64), plain(b"!!!", b"ccv3")),
    "zTXt that is not packed": picture(packed(B64)),
    "zTXt of an unknown method": picture(packed(zlib.compress(B64), method=b"\x01")),
    "zTXt that is cut off": picture(packed(zlib.compress(B64)[:-8])),
    "zTXt with something behind it": picture(packed(zlib.compress(B64) + b"x")),
    "zTXt with nothing": picture(packed(b"")),
    "iTXt that is not packed": picture(international(B64, 1)),
    "iTXt of an unknown flag": picture(international(B64, 2)),
    "iTXt of an unknown method": picture(international(zlib.compress(B64), 1, method=1)),
    "iTXt without its fields": picture((b"iTXt", b"chara\x00\x00\x00ko")),
    "a changed byte": picture(plain(B64)).replace(B64[:40], b"A" + B64[1:40]),
    "cut off in the card": picture(plain(B64))[:-60],
    "a chunk beyond the end": b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xfftEXtchara\x00",
}


def bomb(kind: str, size: int) -> bytes:
    """A small picture whose text unpacks to ``size`` bytes."""
    text = zlib.compress(b"A" * size, 9)
    return picture(packed(text) if kind == "zTXt" else international(text, 1))
