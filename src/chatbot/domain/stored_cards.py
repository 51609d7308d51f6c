"""Character cards V1, V2 and V3 as characters to keep, and back as V3 cards.

Unlike ``cards``, which makes the three fields of a request, this keeps what a card has: greetings, example
dialogue, lorebook, and in ``CharacterSheet.card`` all that nothing here uses, for its export. What is
longer than its limit is cut, what cannot be read is left out, and the report says so. Source: Character Card
V2 and V3 specifications.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chatbot.domain import characters
from chatbot.domain.card_books import Spare, Taken, book_of, card_book, list_of, text_of
from chatbot.domain.card_files import CardError
from chatbot.domain.cards import Cut, card_data, cut_text, lines_of
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.language import language_of
from chatbot.domain.lorebook import KEY_CHARS
from chatbot.domain.plaintext import nfc, visible, without_unsound
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


def character_of_card(card: object) -> tuple[CharacterSheet, Taken]:
    """The character of a card's JSON value, and what became of the rest.

    Raises:
        CardError: the value is no card.
    """
    data, taken, spare = card_data(without_unsound(card)), Taken(), Spare(_CARD_BYTES)
    rest = _rest(data, taken, spare)

    def text(name: str, most: int, whole: str) -> str:
        kept = cut_text(whole, most)
        if kept != whole:
            taken.cut.append(Cut(name, len(whole), len(kept)))
        return kept

    greetings = [one for item in list_of(data.get("alternate_greetings")) if (one := _lines(item))]
    if len(greetings) > characters.MOST_GREETINGS:
        taken.cut.append(Cut("alternate_greetings", len(greetings), characters.MOST_GREETINGS))
    fields: dict[str, Any] = {
        "name": text("name", NAME_CHARS, visible(text_of(data.get("name")))),
        "nickname": text("nickname", NAME_CHARS, visible(text_of(data.get("nickname")))),
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
        "lorebook": book_of(data.get("character_book"), _spec(card), taken, spare),
        "card": rest,
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
        data["character_book"] = card_book(book)
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def _context(data: Mapping[str, Any]) -> str:
    """Description, personality and scenario, which are one text here."""
    labels = _LABELS[language_of(text_of(data.get("description")) + text_of(data.get("first_mes")))]
    parts = [_lines(data.get("description"))]
    parts += [f"{label}: {one}" for name, label in labels.items() if (one := _lines(data.get(name)))]
    return "\n\n".join(part for part in parts if part)


def _spec(card: object) -> object:
    return card.get("spec") if isinstance(card, Mapping) else None


def _rest(data: Mapping[str, Any], taken: Taken, spare: Spare) -> dict[str, Any]:
    """What is kept for export alone, as far as there is room for it."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if name in _OURS or value in (None, "", [], {}):
            continue
        if len(name) > KEY_CHARS or not spare.takes({name: value}):
            taken.left_out.append(name[:KEY_CHARS])
            continue
        kept[name] = value
        taken.unused.append(name)
    return kept


def _lines(value: object) -> str:
    """The visible text with its paragraphs."""
    return lines_of(nfc(text_of(value)))
