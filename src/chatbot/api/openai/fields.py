"""What the objects of OpenAI's format have in common: how they are read, and the types of their fields.

Each field is taken in its own JSON type alone, as in the suite's own bodies; null is as if it were not sent.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from chatbot.domain.schemas import TEXT_RULES

PersonName = Annotated[str, StringConstraints(max_length=256), *TEXT_RULES]


class OpenAIObject(BaseModel):
    """An object of a request; members that the suite does not know are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: member for name, member in value.items() if member is not None}
