"""Character cards V1, V2 and V3 as the fields of a character request.

A card is a stranger's file. Only what describes the character enters: instructions to a model
(``system_prompt``, ``post_history_instructions``) do not, because the rules are the service's own, and
``creator_notes`` are for people. Every field is cut to its limit, and the report says what was cut and what
was left out. ``pages/assets/card.js`` does the same in the browser; tests/domain/card_table.py holds both to
one table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.domain.card_files import CardError, read_card_file
from chatbot.domain.language import language_of
from chatbot.domain.macros import fill_macros
from chatbot.domain.plaintext import beginning, nfc, one_line, shortened, visible
from chatbot.domain.schemas import NAME_CHARS, TEXT_CHARS

_EXAMPLE_START = re.compile(r"<START>", re.IGNORECASE)
_SENTENCE_ENDS = frozenset('.!?。…"”*')

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
    data = card_data(read_card_file(file))
    name = visible(_text(data, "name"))
    spoken = shortened(visible(_text(data, "nickname")) or name, NAME_CHARS)
    labels = _LABELS[language_of(_text(data, "description") + _text(data, "first_mes"))]
    user = one_line(user_name or "", NAME_CHARS) or "{{user}}"

    def filled(field: str) -> str:
        return lines_of(_EXAMPLE_START.sub("", fill_macros(nfc(_text(data, field)), spoken, user)))

    parts = [filled("description")]
    parts += [f"{labels[field]}: {text}" for field in ("personality", "scenario") if (text := filled(field))]
    if examples := filled("mes_example"):
        parts.append(f"{labels['mes_example']}:\n{examples}")
    wanted = {
        "character_name": (name, NAME_CHARS),
        "greeting": (filled("first_mes"), TEXT_CHARS),
        "context": ("\n\n".join(part for part in parts if part), TEXT_CHARS),
    }
    kept = {field: cut_text(text, limit) for field, (text, limit) in wanted.items()}
    return Card(
        **kept,
        cut=tuple(
            Cut(field, len(text), len(kept[field]))
            for field, (text, _) in wanted.items()
            if kept[field] != text
        ),
        left_out=tuple(field for field in _LEFT_OUT if _holds_something(data.get(field))),
        missing=tuple(field for field, text in kept.items() if not text),
    )


def card_data(card: object) -> Mapping[str, Any]:
    """The card's fields: under ``data`` where that has a name, else at the top, whatever ``spec`` says.

    Raises:
        CardError: the value is no card.
    """
    if not isinstance(card, Mapping):
        raise CardError("the card is no JSON object")
    for fields in (card.get("data"), card):
        if isinstance(fields, Mapping) and visible(_text(fields, "name")):
            return fields
    raise CardError("the card has no name: it is no character card V1, V2 or V3")


def _text(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field)
    return value if isinstance(value, str) else ""


def _holds_something(value: object) -> bool:
    """Whether a field that has no place says anything; a lorebook does by its entries."""
    if isinstance(value, dict) and value.get("entries") is not None:
        value = value["entries"]
    return bool(visible(value)) if isinstance(value, str) else isinstance(value, list | dict) and bool(value)


def lines_of(text: str) -> str:
    """The visible text with its paragraphs; runs of empty lines become one."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(map(visible, text.splitlines()))).strip()


def cut_text(text: str, limit: int) -> str:
    """The text within its limit, ended at a sentence, else at a word, where one ends in its last fifth."""
    return text if len(text) <= limit else beginning(_cut(text, limit), limit)


def _cut(text: str, limit: int) -> str:
    head = text[: limit - 1]
    for ends in (_ends_sentence, _ends_word):
        for place in range(len(head), limit - limit // 5 - 1, -1):
            if ends(head, place):
                return head[:place].rstrip() + "…"
    return shortened(text, limit)


def _ends_sentence(text: str, place: int) -> bool:
    return text[place - 1] == "\n" or (
        text[place - 1] in _SENTENCE_ENDS and text[place : place + 1] in (" ", "\n")
    )


def _ends_word(text: str, place: int) -> bool:
    return text[place - 1] in " \n"
