"""What requests to characters have in common: they describe one, or name one that their user keeps."""

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from chatbot.domain.characters import MOST_GREETINGS
from chatbot.domain.schemas import TEXT_RULES, CharacterId, ChatRequest

NOTE_CHARS = 1000

NoteText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=NOTE_CHARS),
    *TEXT_RULES,
]


class SceneRequest(ChatRequest):
    """A line to a character, which the request describes or names."""

    described_by: ClassVar[tuple[str, ...]] = ()
    """The fields that describe a character: all of them, or ``character_id``."""

    character_id: CharacterId | None = Field(
        default=None, description="A character that the user keeps, in place of the fields that describe one."
    )
    greeting_index: Annotated[int, Field(ge=0, le=MOST_GREETINGS, strict=True)] | None = Field(
        default=None,
        description="Which of a kept character's greetings opens the scene; 0 or absent: the first.",
    )
    author_note: NoteText | None = Field(
        default=None,
        description="What is wished in this room, up to 1,000 characters; quoted beside the question.",
    )

    @property
    def named_character(self) -> UUID | None:
        """As ChatRequest says."""
        return self.character_id

    @model_validator(mode="after")
    def _one_character(self) -> Self:
        given = [name for name in self.described_by if getattr(self, name) is not None]
        if self.character_id is None and len(given) < len(self.described_by):
            missing = [
                InitErrorDetails(type="missing", loc=(name,), input=None)
                for name in self.described_by
                if name not in given
            ]
            raise ValidationError.from_exception_data(type(self).__name__, missing)
        if self.character_id is not None and given:
            raise PydanticCustomError("character_doubled", "character_id, or a description, and not both")
        if self.character_id is not None and self.user_id is None:
            raise PydanticCustomError("character_without_user", "character_id needs a user_id")
        return self
