"""Characters that users keep: who somebody plays with, in every room and on every device.

A stored character is changed by storing it once more under the next version, as everything of the history is
only added and deleted; the newest version counts. Its texts are a stranger's, as those of a request are.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chatbot.domain.lorebook import MOST_EXPRESSIONS, MOST_KEYS, Lorebook
from chatbot.domain.schemas import NAME_CHARS, CharacterName, JsonObject, written

MOST_CHARACTERS = 200
"""Characters of one user of one service."""

CONTEXT_CHARS = 12_000
EXAMPLES_CHARS = 8000
GREETING_CHARS = 4000
INSTRUCTIONS_CHARS = 2000
MOST_GREETINGS = 30
"""Greetings beside the first."""

CHARACTER_BYTES = 512 * 1024
"""A whole character as JSON, its picture apart."""

_EXCERPT_CHARS = 120


_Short = Annotated[str, *written(NAME_CHARS)]
_Greeting = Annotated[str, *written(GREETING_CHARS)]
_Context = Annotated[str, *written(CONTEXT_CHARS)]
_Examples = Annotated[str, *written(EXAMPLES_CHARS)]
_Instructions = Annotated[str, *written(INSTRUCTIONS_CHARS)]


class CharacterSheet(BaseModel):
    """What a user keeps of a character, its picture apart."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: CharacterName = Field(description="1 to 50 characters.")
    nickname: _Short = Field(default="", description="What {{char}} becomes; empty: the name.")
    greeting: _Greeting = Field(
        default="", description="The first line, up to 4,000 characters; empty: the user begins."
    )
    alternate_greetings: tuple[_Greeting, ...] = Field(
        default=(),
        max_length=MOST_GREETINGS,
        fail_fast=True,
        description="Others, chosen by `greeting_index` from 1.",
    )
    context: _Context = Field(
        default="", description="Who and where the character is, up to 12,000 characters."
    )
    example_dialogue: _Examples = Field(
        default="", description="How the character speaks, up to 8,000 characters."
    )
    post_history_instructions: _Instructions = Field(
        default="", description="Quoted beside each question, up to 2,000 characters."
    )
    lorebook: Lorebook | None = None
    card: JsonObject = Field(
        default_factory=dict, description="What else its card held, kept for export; nothing of it is used."
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.lorebook and self.lorebook.key_count > MOST_KEYS:
            raise PydanticCustomError("lorebook_keys", "A lorebook has at most 2,000 keys")
        if self.lorebook and self.lorebook.expression_count > MOST_EXPRESSIONS:
            raise PydanticCustomError("lorebook_expressions", "At most 20 keys are regular expressions")
        self.check_size()
        return self

    def check_size(self) -> None:
        """Raise PydanticCustomError where it is too large to be stored."""
        if len(self.as_json().encode()) > CHARACTER_BYTES:
            raise PydanticCustomError("character_size", "A character has at most 512 KiB")

    @property
    def spoken_name(self) -> str:
        """What {{char}} becomes."""
        return str(self.nickname or self.name)

    def greeting_at(self, index: int) -> str:
        """A greeting, the first where there is no such other one; "" for none."""
        greetings = (self.greeting, *self.alternate_greetings)
        return str(greetings[index] if index < len(greetings) else self.greeting)

    @property
    def excerpt(self) -> str:
        """The beginning of the context, for lists."""
        return str(self.context)[:_EXCERPT_CHARS]

    def as_json(self) -> str:
        """The text under which it is stored, without what a body says beside it."""
        fields = set(CharacterSheet.model_fields)
        return json.dumps(
            self.model_dump(mode="json", include=fields, exclude_defaults=True), ensure_ascii=False
        )

    @classmethod
    def of_json(cls, text: str) -> Self:
        """The character of such a text; raises ValueError for any other."""
        return cls.model_validate_json(text)


@dataclass(frozen=True, slots=True)
class StoredCharacter:
    """A character as it is stored."""

    id: UUID
    version: int
    """Counts from 1; each change is one more."""

    character: CharacterSheet
    updated_at: datetime
    """UTC, in milliseconds."""

    avatar: bytes | None = None
    """Its picture, a PNG as ``avatars.cleaned`` leaves it."""


@dataclass(frozen=True, slots=True)
class CharacterLine:
    """A character in a list."""

    id: UUID
    version: int
    name: str
    excerpt: str
    updated_at: datetime
    has_avatar: bool
