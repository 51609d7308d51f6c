"""What the objects of OpenAI's format have in common: how they are read, and the types of their fields.

Each field is taken in its own JSON type alone, as in the suite's own bodies; null is as if it were not sent.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chatbot.domain.schemas import CLEAN, no_nul

Text = Annotated[str, *CLEAN]
PersonName = Annotated[str, StringConstraints(max_length=256), *CLEAN]


def _texts(value: object) -> Iterator[str]:
    """All names and texts within a value of JSON, whose depth the reader of bodies bounds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)


def _sound(schema: dict[str, Any]) -> dict[str, Any]:
    for text in _texts(schema):
        no_nul(text)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("string_unicode", "Input should be valid Unicode text") from None
    return schema


ForeignSchema = Annotated[dict[str, Any], AfterValidator(_sound)]
"""A JSON schema as it came, whose names and texts are as sound as any other text."""


class OpenAIObject(BaseModel):
    """An object of a request; members that the suite does not know are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: member for name, member in value.items() if member is not None}
