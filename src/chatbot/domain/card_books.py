"""Lorebooks of character cards as they are kept here, however a tool wrote them.

What is beyond a bound is put aside for the card's export, as far as there is room for it, and reported.
Source: Character Card V2 and V3 specifications, "Lorebook"; SillyTavern's world info, whose entries have
``use_regex`` whether or not their keys are expressions: there only ``/…/flags`` is one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from chatbot.domain.cards import Cut, cut_text
from chatbot.domain.lorebook import (
    DESCRIPTION_CHARS,
    ENTRY_CHARS,
    ENTRY_KEYS,
    KEY_CHARS,
    LABEL_CHARS,
    MOST_ENTRIES,
    MOST_EXPRESSIONS,
    MOST_KEYS,
    Lorebook,
    LoreEntry,
)
from chatbot.domain.plaintext import beginning, nfc

_SILLYTAVERN = ("selectiveLogic", "display_index")
"""Extensions that SillyTavern gives each entry."""


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


class Spare:
    """Room for what is kept of a card for its export alone."""

    def __init__(self, size: int) -> None:
        """``size`` in bytes of JSON."""
        self._left = size

    def takes(self, value: object) -> bool:
        """Whether there is room for a value; if so, it is taken."""
        size = len(json.dumps(value).encode())
        if size > self._left:
            return False
        self._left -= size
        return True


def book_of(value: object, version: object, taken: Taken, spare: Spare) -> Lorebook | None:
    """The lorebook of a card whose ``spec`` is ``version``, None where it has none.

    Its entries are a list, or an object as SillyTavern's own files have it.
    """
    if not isinstance(value, Mapping):
        return None
    raw = value.get("entries")
    items = list(raw.values()) if isinstance(raw, Mapping) else list_of(raw)
    entries: list[LoreEntry] = []
    unused: list[dict[str, Any]] = []
    keys = expressions = 0
    aside, lost = False, False
    for item in (_with_meant_expressions(item, version) for item in items if isinstance(item, dict)):
        entry = _entry(item) if len(entries) < MOST_ENTRIES else None
        more = 0 if entry is None else len(entry.keys) + len(entry.secondary_keys)
        patterns = 0 if entry is None else len(entry.expressions)
        if entry is None or keys + more > MOST_KEYS or expressions + patterns > MOST_EXPRESSIONS:
            if spare.takes(item):
                unused.append(item)
            else:
                lost = True
            continue
        keys, expressions = keys + more, expressions + patterns
        kept = _with_spare_keys(entry, spare)
        lost |= kept is not entry
        aside |= bool(kept.unused_keys or kept.unused_secondary_keys)
        entries.append(kept)
        taken.cut += _cuts(f"lorebook[{len(entries)}]", item, entry)
    if len(entries) < len(items):
        taken.cut.append(Cut("lorebook", len(items), len(entries)))
    if aside or unused:
        taken.unused.append("lorebook")
    if lost:
        taken.left_out.append("lorebook")
    return Lorebook(
        entries=tuple(entries),
        scan_depth=_whole(value.get("scan_depth"), 100),
        token_budget=_whole(value.get("token_budget"), 1_000_000),
        recursive_scanning=value.get("recursive_scanning") is True,
        name=beginning(text_of(value.get("name")), LABEL_CHARS),
        description=beginning(text_of(value.get("description")), DESCRIPTION_CHARS),
        extensions=_object(value.get("extensions")),
        unused_entries=tuple(unused),
    )


def card_book(book: Lorebook) -> dict[str, Any]:
    """The lorebook as a V3 card has it, with what was put aside."""
    written = book.model_dump(mode="json", exclude_none=True)
    for entry in written["entries"]:
        entry["keys"] += entry.pop("unused_keys")
        entry["secondary_keys"] += entry.pop("unused_secondary_keys")
    written["entries"] += written.pop("unused_entries")
    return written


def _with_meant_expressions(item: dict[str, Any], version: object) -> dict[str, Any]:
    """The entry with ``use_regex`` only where it says that every key is an expression."""
    marked = any(name in _object(item.get("extensions")) for name in _SILLYTAVERN)
    if item.get("use_regex") is True and (marked or version == "chara_card_v2"):
        return {**item, "use_regex": False}
    return item


def _entry(item: Mapping[str, Any]) -> LoreEntry | None:
    """An entry of a book; None for one that cannot be kept."""
    position, extensions = item.get("position"), _extensions(item)
    case = (item.get("case_sensitive"), extensions.get("case_sensitive"), item.get("caseSensitive"))
    keys, unused_keys = _keys(item.get("keys", item.get("key")), least=1)
    secondary, unused_secondary = _keys(item.get("secondary_keys", item.get("keysecondary")), least=0)
    try:
        return LoreEntry(
            keys=keys,
            secondary_keys=secondary,
            unused_keys=unused_keys,
            unused_secondary_keys=unused_secondary,
            selective=item.get("selective") is True,
            content=cut_text(_content(item), ENTRY_CHARS),
            enabled=item.get("enabled", item.get("disable") is not True) is not False,
            constant=item.get("constant") is True,
            case_sensitive=next((one for one in case if isinstance(one, bool)), False),
            use_regex=item.get("use_regex") is True,
            insertion_order=_number(item.get("insertion_order", item.get("order")), 100),
            priority=_number(item.get("priority"), None),
            name=beginning(text_of(item.get("name")), LABEL_CHARS),
            comment=beginning(text_of(item.get("comment")), LABEL_CHARS),
            position=position if position in ("before_char", "after_char") else None,
            extensions=extensions,
        )
    except ValidationError:
        return None


def _extensions(item: Mapping[str, Any]) -> dict[str, Any]:
    """The extensions of an entry, with what SillyTavern's own files have beside them."""
    beside = {"selectiveLogic": item["selectiveLogic"]} if "selectiveLogic" in item else {}
    return beside | _object(item.get("extensions"))


def _with_spare_keys(entry: LoreEntry, spare: Spare) -> LoreEntry:
    """The entry itself, or without its surplus keys where there is no room for them."""
    surplus = entry.unused_keys + entry.unused_secondary_keys
    if not surplus or spare.takes(surplus):
        return entry
    return entry.model_copy(update={"unused_keys": (), "unused_secondary_keys": ()})


def _cuts(name: str, item: Mapping[str, Any], entry: LoreEntry) -> list[Cut]:
    """What of an entry was longer than its limit."""
    counts = {
        name: (len(_content(item)), len(entry.content)),
        f"{name}.keys": (len(entry.keys + entry.unused_keys), len(entry.keys)),
        f"{name}.secondary_keys": (
            len(entry.secondary_keys + entry.unused_secondary_keys),
            len(entry.secondary_keys),
        ),
    }
    return [Cut(each, had, kept) for each, (had, kept) in counts.items() if had > kept]


def _content(item: Mapping[str, Any]) -> str:
    return nfc(text_of(item.get("content")))


def _keys(value: object, *, least: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keys of a list, or of one text with commas: those within the bounds, and the others.

    ``least`` is the length of the shortest. Of a key of white space, which says something else than an empty
    one, some stays.
    """
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    texts = [nfc(item) for item in list_of(value) if isinstance(item, str)]
    keys = [text.strip() or text[:1] for text in texts]
    fitting = [place for place, key in enumerate(keys) if least <= len(key) <= KEY_CHARS][:ENTRY_KEYS]
    chosen = set(fitting)
    others = (key for place, key in enumerate(keys) if key and place not in chosen)
    return tuple(keys[place] for place in fitting), tuple(others)


def text_of(value: object) -> str:
    """A text; "" for anything else."""
    return value if isinstance(value, str) else ""


def list_of(value: object) -> list[object]:
    """A list; an empty one for anything else."""
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
