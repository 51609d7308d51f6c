"""What every request body has (contract §2.1), and the types of fields, with every rule that a field has.

Unknown fields are ignored. Wrong types are refused rather than converted; a string with a NUL or a lone
surrogate is refused, since no store, header or tokenizer behind this line can carry one. Texts are taken in
Unicode's composed form, so that limits count what the user sees, whatever the keyboard made of it.
"""

import re
from typing import Annotated, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chatbot.domain.plaintext import nfc
from chatbot.domain.sampling import SamplingRequest

_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


NAME_CHARS = 50
TEXT_CHARS = 2000
"""Limits of a name, and of greeting and context each (contract §2.1)."""


def no_nul(text: str) -> str:
    """Refuse NUL, which no store or header behind this line can carry."""
    if "\x00" in text:
        raise PydanticCustomError("string_nul", "String should not contain NUL")
    return text


def composed(value: object) -> object:
    """A text in NFC; anything else as it is, for the next rule to refuse."""
    return nfc(value) if isinstance(value, str) else value


def _canonical_uuid(value: object) -> object:
    """Refuse the forms that uuid.UUID also takes (braces, urn:, bare hex): one room has one spelling."""
    if isinstance(value, str) and not _CANONICAL_UUID.fullmatch(value):
        raise PydanticCustomError("uuid_parsing", "Input should be a UUID with hyphens")
    return value


UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@-]{1,50}$")]
RoomId = Annotated[UUID, BeforeValidator(_canonical_uuid)]
QuestionText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(no_nul),
    BeforeValidator(composed),
]
CharacterName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARS),
    AfterValidator(no_nul),
    BeforeValidator(composed),
]
CharacterText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_CHARS),
    AfterValidator(no_nul),
    BeforeValidator(composed),
]


class ChatRequest(BaseModel):
    """What every service takes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input_data: QuestionText = Field(description="The question, 1 to 500 characters after trimming.")
    user_id: UserId | None = Field(
        default=None, description="Who asks; null or absent: nothing is remembered."
    )
    db_id: RoomId | None = Field(
        default=None, description="The room; null with a user_id: a new room, named in X-Db-Id."
    )

    sampling: SamplingRequest | None = Field(
        default=None, description="How the tokens of this answer are chosen; absent: as the service has it."
    )

    @model_validator(mode="after")
    def _room_needs_user(self) -> Self:
        if self.db_id is not None and self.user_id is None:
            raise PydanticCustomError("room_without_user", "db_id needs a user_id")
        return self
