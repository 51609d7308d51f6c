"""Character cards V1, V2 and V3 (JSON, or in a PNG's text chunks) as the fields of a character request.

A card is a stranger's file. Only what describes the character enters: instructions to a model
(``system_prompt``, ``post_history_instructions``) do not, because the rules are the service's own, and
``creator_notes`` are for people. Every field is cut to its limit, and the report says what was cut and what
was left out.
"""

import base64
import binascii
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.domain.language import language_of
from chatbot.domain.macros import fill_macros
from chatbot.domain.plaintext import one_line
from chatbot.domain.schemas import NAME_CHARS, TEXT_CHARS

MAX_FILE_BYTES = 32 * 1024 * 1024
"""A picture with a long lorebook in it; what is larger is no card."""

_MAX_LINE_CHARS = 20_000
_PNG = b"\x89PNG\r\n\x1a\n"
_KEYWORDS = (b"ccv3", b"chara")
"""In the order of preference: a V3 card carries a V2 one beside it for old readers."""

_EXAMPLE_START = re.compile(r"<START>", re.IGNORECASE)

_LABELS = {
    "ko": {"personality": "성격", "scenario": "상황", "mes_example": "말투 예시"},
    "en": {"personality": "Personality", "scenario": "Scenario", "mes_example": "Examples"},
}
_LEFT_OUT = (
    "creator_notes",
    "creator_notes_multilingual",
    "system_prompt",
    "post_history_instructions",
    "alternate_greetings",
    "group_only_greetings",
    "character_book",
    "assets",
)


class CardError(ValueError):
    """The file is no character card; the message says why, without the file's text."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A field that was longer than its limit, in characters."""

    field: str
    had: int
    kept: int


@dataclass(frozen=True, slots=True)
class Card:
    """The fields of a character request, and what became of the rest of the card.

    A field that the card does not have is empty and named in ``missing``; the request needs all three.
    """

    character_name: str
    greeting: str
    context: str
    cut: tuple[Cut, ...] = ()
    left_out: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def request_fields(self) -> dict[str, str]:
        """The fields as the request's body names them."""
        return {
            "character_name": self.character_name,
            "greeting": self.greeting,
            "context": self.context,
        }


def read_card(file: bytes, user_name: str | None = None) -> Card:
    """Read a card; ``{{user}}`` becomes ``user_name``, else it stays for the request's own to fill.

    Raises:
        CardError: the bytes hold no card.
    """
    if len(file) > MAX_FILE_BYTES:
        raise CardError("the file is too large for a card")
    if file.startswith(b"PK"):
        raise CardError("this is a CHARX archive: export the card as PNG or JSON")
    data = _data(_json(_payload(file) if file.startswith(_PNG) else file))
    name = one_line(_text(data, "name"), _MAX_LINE_CHARS)
    spoken = one_line(_text(data, "nickname"), NAME_CHARS) or name[:NAME_CHARS]
    labels = _LABELS[language_of(_text(data, "description") + _text(data, "first_mes"))]
    user = one_line(user_name or "", NAME_CHARS) or "{{user}}"

    def filled(field: str) -> str:
        return _lines(_EXAMPLE_START.sub("", fill_macros(_text(data, field), spoken, user)))

    parts = [filled("description")]
    parts += [f"{labels[field]}: {text}" for field in ("personality", "scenario") if (text := filled(field))]
    if examples := filled("mes_example"):
        parts.append(f"{labels['mes_example']}:\n{examples}")
    wanted = {
        "character_name": (name, NAME_CHARS),
        "greeting": (filled("first_mes"), TEXT_CHARS),
        "context": ("\n\n".join(part for part in parts if part), TEXT_CHARS),
    }
    kept = {field: _cut(text, limit) for field, (text, limit) in wanted.items()}
    return Card(
        **kept,
        cut=tuple(
            Cut(field, len(text), len(kept[field]))
            for field, (text, _) in wanted.items()
            if kept[field] != text
        ),
        left_out=tuple(field for field in _LEFT_OUT if data.get(field)),
        missing=tuple(field for field, text in kept.items() if not text),
    )


def _payload(png: bytes) -> bytes:
    """The card in a PNG's text chunks: base64 of JSON under ``ccv3`` or ``chara``."""
    found = {keyword: text for keyword, text in _text_chunks(png) if keyword in _KEYWORDS}
    for keyword in _KEYWORDS:
        if keyword in found:
            try:
                return base64.b64decode(found[keyword].strip(), validate=True)
            except binascii.Error:
                raise CardError(f"the picture's {keyword.decode()} text is no base64") from None
    raise CardError("the picture carries no card (no ccv3 or chara text)")


def _text_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG)
    while place + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kind = png[place + 4 : place + 8]
        body = png[place + 8 : place + 8 + length]
        checksum = png[place + 8 + length : place + 12 + length]
        if len(checksum) < 4:
            raise CardError("the picture is cut off")
        if kind == b"tEXt":
            if zlib.crc32(kind + body) != int.from_bytes(checksum, "big"):
                raise CardError("the picture is damaged (a text chunk's checksum is wrong)")
            keyword, _, text = body.partition(b"\x00")
            yield keyword.lower(), text
        if kind == b"IEND":
            return
        place += 12 + length


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise CardError("the card is no JSON in UTF-8") from None


def _data(card: object) -> Mapping[str, Any]:
    """The card's fields: under ``data`` since V2, at the top before."""
    if not isinstance(card, Mapping):
        raise CardError("the card is no JSON object")
    data = card.get("data") if str(card.get("spec", "")).startswith("chara_card_v") else card
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise CardError("the card has no name: it is no character card V1, V2 or V3")
    return data


def _text(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field)
    return value if isinstance(value, str) else ""


def _lines(text: str) -> str:
    """The visible text with its paragraphs; runs of empty lines become one."""
    lines = [one_line(line, _MAX_LINE_CHARS) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _cut(text: str, limit: int) -> str:
    """The text within its limit, ended at a sentence or word where one is near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    near = limit - limit // 5
    for ends in (r"[.!?。…\"”*]\s|\n", r"\s"):
        places = [match.start() + 1 for match in re.finditer(ends, head) if match.start() + 1 >= near]
        if places:
            head = head[: places[-1]]
            break
    return head.rstrip() + "…"
