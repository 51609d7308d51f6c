"""Character cards V1, V2 and V3 as characters to keep, and back as V3 cards.

Unlike ``cards``, which makes the three fields of a request, this keeps what a card has: greetings, example
dialogue, lorebook, and in ``CharacterSheet.card`` all that nothing here uses, for its export. What is
longer than its limit is cut, what cannot be read is left out, and the report says so. Source: Character Card
V2 and V3 specifications.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from chatbot.domain import characters
from chatbot.domain.card_files import CardError
from chatbot.domain.cards import Cut, card_data, cut_text, lines_of
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.language import language_of
from chatbot.domain.lorebook import (
    ENTRY_CHARS,
    KEY_CHARS,
    MOST_ENTRIES,
    MOST_EXPRESSIONS,
    MOST_KEYS,
    Lorebook,
    LoreEntry,
)
from chatbot.domain.plaintext import nfc, visible
from chatbot.domain.schemas import NAME_CHARS

_LABELS = {
    "ko": {"personality": "성격", "scenario": "상황"},
    "en": {"personality": "Personality", "scenario": "Scenario"},
}
_OURS = (
    *("name", "nickname", "description", "personality", "scenario", "first_mes", "alternate_greetings"),
    *("mes_example", "post_history_instructions", "character_book"),
)
"""Fields of a card that become fields of a character; every other is kept as it is."""

_CARD_BYTES = 128 * 1024
"""What is kept of a card beside them, as JSON."""


@dataclass(slots=True)
class Taken:
    """What became of a card."""

    cut: list[Cut] = field(default_factory=list)
    """Fields that were longer than their limit."""

    left_out: list[str] = field(default_factory=list)
    """Fields that are not kept."""

    unused: list[str] = field(default_factory=list)
    """Fields that are kept for export alone."""

    unsupported: tuple[int, ...] = ()
    """Numbers of lorebook entries whose regular expressions match nothing here."""


def character_of_card(card: object) -> tuple[CharacterSheet, Taken]:
    """The character of a card's JSON value, and what became of the rest.

    Raises:
        CardError: the value is no card.
    """
    data, taken = card_data(card), Taken()

    def text(name: str, most: int, whole: str) -> str:
        kept = cut_text(whole, most)
        if kept != whole:
            taken.cut.append(Cut(name, len(whole), len(kept)))
        return kept

    greetings = [one for item in _list(data.get("alternate_greetings")) if (one := _lines(item))]
    if len(greetings) > characters.MOST_GREETINGS:
        taken.cut.append(Cut("alternate_greetings", len(greetings), characters.MOST_GREETINGS))
    fields: dict[str, Any] = {
        "name": text("name", NAME_CHARS, visible(_text(data.get("name")))),
        "nickname": text("nickname", NAME_CHARS, visible(_text(data.get("nickname")))),
        "greeting": text("greeting", characters.GREETING_CHARS, _lines(data.get("first_mes"))),
        "alternate_greetings": [
            text("alternate_greetings", characters.GREETING_CHARS, one)
            for one in greetings[: characters.MOST_GREETINGS]
        ],
        "context": text("context", characters.CONTEXT_CHARS, _context(data)),
        "example_dialogue": text(
            "example_dialogue", characters.EXAMPLES_CHARS, _lines(data.get("mes_example"))
        ),
        "post_history_instructions": text(
            "post_history_instructions",
            characters.INSTRUCTIONS_CHARS,
            _lines(data.get("post_history_instructions")),
        ),
        "lorebook": _book(data.get("character_book"), taken),
        "card": _rest(data, taken),
    }
    try:
        character = CharacterSheet.model_validate(fields)
    except ValidationError as error:
        wrong = ", ".join(sorted({str(item["loc"][0]) if item["loc"] else "size" for item in error.errors()}))
        raise CardError(f"the card does not fit: {wrong}") from None
    if character.lorebook:
        taken.unsupported = character.lorebook.unsupported()
    return character, taken


def card_of(character: CharacterSheet) -> dict[str, Any]:
    """The character as a V3 card."""
    book = character.lorebook
    data = {
        "creator_notes": "",
        "system_prompt": "",
        "tags": [],
        "creator": "",
        "character_version": "",
        "extensions": {},
        "group_only_greetings": [],
        **character.card,
        "name": character.name,
        "description": character.context,
        "personality": "",
        "scenario": "",
        "first_mes": character.greeting,
        "alternate_greetings": list(character.alternate_greetings),
        "mes_example": character.example_dialogue,
        "post_history_instructions": character.post_history_instructions,
    }
    if character.nickname:
        data["nickname"] = character.nickname
    if book is not None:
        data["character_book"] = book.model_dump(mode="json", exclude_none=True)
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def _context(data: Mapping[str, Any]) -> str:
    """Description, personality and scenario, which are one text here."""
    labels = _LABELS[language_of(_text(data.get("description")) + _text(data.get("first_mes")))]
    parts = [_lines(data.get("description"))]
    parts += [f"{label}: {one}" for name, label in labels.items() if (one := _lines(data.get(name)))]
    return "\n\n".join(part for part in parts if part)


def _rest(data: Mapping[str, Any], taken: Taken) -> dict[str, Any]:
    """What is kept for export alone, as far as there is room for it."""
    kept: dict[str, Any] = {}
    room = _CARD_BYTES
    for name, value in data.items():
        if name in _OURS or value in (None, "", [], {}):
            continue
        room -= len(json.dumps({name: value}).encode())
        if room < 0 or len(name) > KEY_CHARS:
            taken.left_out.append(name[:KEY_CHARS])
            room += len(json.dumps({name: value}).encode())
            continue
        kept[name] = value
        taken.unused.append(name)
    return kept


def _book(value: object, taken: Taken) -> Lorebook | None:
    """The lorebook; its entries are a list, or an object as SillyTavern's own files have it."""
    if not isinstance(value, Mapping):
        return None
    raw = value.get("entries")
    found = list(raw.values()) if isinstance(raw, Mapping) else _list(raw)
    entries: list[LoreEntry] = []
    keys = expressions = lost = 0
    for item in found:
        entry = _entry(item) if len(entries) < MOST_ENTRIES else None
        more = 0 if entry is None else len(entry.keys) + len(entry.secondary_keys)
        patterns = len(entry.keys) if entry is not None and entry.use_regex else 0
        if entry is None or keys + more > MOST_KEYS or expressions + patterns > MOST_EXPRESSIONS:
            lost += 1
            continue
        keys, expressions = keys + more, expressions + patterns
        entries.append(entry)
        if (had := len(_text(cast("Mapping[str, Any]", item).get("content")))) > ENTRY_CHARS:
            taken.cut.append(Cut(f"lorebook[{len(entries)}]", had, len(entry.content)))
    if lost:
        taken.cut.append(Cut("lorebook", len(found), len(entries)))
    return Lorebook(
        entries=tuple(entries),
        scan_depth=_whole(value.get("scan_depth"), 100),
        token_budget=_whole(value.get("token_budget"), 1_000_000),
        recursive_scanning=value.get("recursive_scanning") is True,
        name=_text(value.get("name"))[:200].replace("\x00", ""),
        description=_text(value.get("description"))[:2000],
        extensions=_object(value.get("extensions")),
    )


def _entry(value: object) -> LoreEntry | None:
    """An entry of a book; None for what is none, or for one that is longer than an entry may be."""
    if not isinstance(value, Mapping):
        return None
    content = nfc(_text(value.get("content"))).replace("\x00", "")
    if len(content) > ENTRY_CHARS:
        content = cut_text(content, ENTRY_CHARS)
    position = value.get("position")
    try:
        return LoreEntry(
            keys=_keys(value.get("keys", value.get("key"))),
            secondary_keys=_keys(value.get("secondary_keys", value.get("keysecondary"))),
            selective=value.get("selective") is True,
            content=content,
            enabled=value.get("enabled", value.get("disable") is not True) is not False,
            constant=value.get("constant") is True,
            case_sensitive=value.get("case_sensitive") is True,
            use_regex=value.get("use_regex") is True,
            insertion_order=_number(value.get("insertion_order", value.get("order")), 100),
            priority=_number(value.get("priority"), None),
            name=_text(value.get("name"))[:200].replace("\x00", ""),
            comment=_text(value.get("comment"))[:200].replace("\x00", ""),
            position=position if position in ("before_char", "after_char") else None,
            extensions=_object(value.get("extensions")),
        )
    except ValidationError:
        return None


def _keys(value: object) -> tuple[str, ...]:
    """Keys of a list, or of one text with commas."""
    items = value.split(",") if isinstance(value, str) else _list(value)
    keys = (item.strip().replace("\x00", "") for item in items if isinstance(item, str))
    return tuple(key for key in keys if 0 < len(key) <= KEY_CHARS)[:50]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _lines(value: object) -> str:
    """The visible text with its paragraphs."""
    return lines_of(nfc(_text(value)))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object, most: int) -> int | None:
    """A whole number from 0 to ``most``; None for anything that is no number."""
    number = _number(value, None)
    return None if number is None else max(0, min(int(number), most))


def _number(value: object, otherwise: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 <= value <= 1e9:
        return otherwise
    return value
