"""What the character routes read and write as JSON."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Path
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chatbot.api import strict_json
from chatbot.domain.avatars import AvatarRefused, cleaned
from chatbot.domain.card_books import Taken
from chatbot.domain.card_files import PNG, card_text
from chatbot.domain.cards import Cut
from chatbot.domain.characters import CharacterLine, CharacterSheet, StoredCharacter
from chatbot.domain.schemas import CharacterId
from chatbot.domain.stored_cards import character_of_card

CHARACTER_BODY = 1024 * 1024
"""Bytes of a character as JSON: twice what one may have when it is stored, for white space and escapes."""

CARD_BODY = 1536 * 1024
"""Bytes of a card's file, and of the text that it unpacks to; below the limit of the gateways."""

EXAMPLE: dict[str, Any] = {
    "name": "Rachel",
    "greeting": "*Rachel looks up from her book.* Oh, hello there!",
    "alternate_greetings": ["*Rachel waves from the ladder.* Up here!"],
    "context": "Rachel is a 29-year-old librarian with a dry wit and a love of old maps.",
    "lorebook": {"entries": [{"keys": ["map room"], "content": "The map room closes at six."}]},
}

PICTURE_TYPES = ("image/png", "application/octet-stream")
PICTURE_FILE = {"schema": {"type": "string", "format": "binary"}}
"""The media types of a picture, and what the description says of its bytes."""

CharacterPath = Annotated[CharacterId, Path(examples=["123e4567-e89b-12d3-a456-426614174002"])]
"""The character that a path names."""

Version = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]


class NewCharacter(CharacterSheet):
    """A character to keep."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class ChangedCharacter(CharacterSheet):
    """A character as it is to be from now on; what is absent is empty, but for `card`, which stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLE, "version": 1}]})

    version: Version = Field(description="The version that was changed; 409 when it is not the newest.")


class CharacterEntry(BaseModel):
    """A character in the list; times are UTC."""

    id: UUID
    version: int
    name: str
    excerpt: str
    updated_at: str
    avatar: bool

    @classmethod
    def of(cls, line: CharacterLine) -> Self:
        """The entry of a line."""
        return cls(
            id=line.id,
            version=line.version,
            name=line.name,
            excerpt=line.excerpt,
            updated_at=line.updated_at.isoformat(),
            avatar=line.has_avatar,
        )


class CharacterList(BaseModel):
    """All characters of a user, those changed last first."""

    characters: list[CharacterEntry]


class KeptCharacter(CharacterSheet):
    """A character as it is kept.

    ``unsupported`` has the numbers, from 1, of lorebook entries whose regular expressions match nothing here.
    """

    id: UUID
    version: int
    updated_at: str
    avatar: bool
    unsupported: list[int]

    @classmethod
    def of(cls, stored: StoredCharacter) -> "KeptCharacter":
        """The body of a stored character; not on the event loop: it tries the lorebook's expressions."""
        book = stored.character.lorebook
        # What is stored was checked when it came: its bound is not that of a body with an id and a version.
        return cls.model_construct(
            **dict(stored.character),
            id=stored.id,
            version=stored.version,
            updated_at=stored.updated_at.isoformat(),
            avatar=stored.avatar is not None,
            unsupported=list(book.unsupported()) if book else [],
        )


class CutField(BaseModel):
    """What was longer than its limit: characters of a text, or items of a list."""

    field: str
    had: int
    kept: int

    @classmethod
    def of(cls, cut: Cut) -> Self:
        """The body of a cut."""
        return cls(field=cut.field, had=cut.had, kept=cut.kept)


class ImportedCharacter(BaseModel):
    """A character made of a card, and what became of the rest of it.

    ``unused`` are fields that are kept for export alone, ``left_out`` those that are not kept; "avatar" among
    these is the picture of a PNG that was too large.
    """

    character: KeptCharacter
    cut: list[CutField]
    left_out: list[str]
    unused: list[str]

    @classmethod
    def of(cls, stored: StoredCharacter, taken: Taken) -> Self:
        """The body of an import; not on the event loop either."""
        return cls(
            character=KeptCharacter.of(stored),
            cut=[CutField.of(cut) for cut in taken.cut],
            left_out=taken.left_out,
            unused=taken.unused,
        )


def read_card_upload(file: bytes) -> tuple[CharacterSheet, bytes | None, Taken]:
    """The character of a card's file, its picture, and what became of the rest.

    Raises:
        CardError: it is no card.
        MalformedJson: its text is no JSON within the bounds of a body.
    """
    text = card_text(file, CARD_BODY)
    character, taken = character_of_card(strict_json.parse(text.removeprefix(b"\xef\xbb\xbf")))
    if not file.startswith(PNG):
        return character, None, taken
    try:
        return character, cleaned(file), taken
    except AvatarRefused:
        taken.left_out.append("avatar")
        return character, None, taken


def check_size(character: CharacterSheet) -> None:
    """Refuse, as a wrong body, a character that is too large with what was kept of its card."""
    try:
        character.check_size()
    except PydanticCustomError as error:
        raise RequestValidationError([{"type": error.type, "loc": ("body",)}]) from None
