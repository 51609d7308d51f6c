"""The part of OpenAI's chat completions request that the suite honours; other fields are ignored.

Source: OpenAI API reference, "Create chat completion".
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from chatbot.domain.sampling import SamplingRequest
from chatbot.domain.schemas import CharacterName, CharacterText, composed, no_nul

Text = Annotated[str, AfterValidator(no_nul), BeforeValidator(composed)]
PersonName = Annotated[
    str, StringConstraints(max_length=256), AfterValidator(no_nul), BeforeValidator(composed)
]


def _one(value: object) -> object:
    """Refuse true and 1.0, which Python takes for 1."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


class _Open(BaseModel):
    """Takes each field in its own JSON type alone, as the suite's own bodies do; ignores unknown fields."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class TextPart(_Open):
    """A text part of a message; other kinds of parts are refused, since the models read text only."""

    type: Literal["text"]
    text: Text


class Message(_Open):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart] | None = None
    name: PersonName | None = Field(
        default=None, description="Who speaks; example_user and example_assistant mark example dialogue."
    )

    @property
    def text(self) -> str:
        """The message's whole text."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or ())


class StreamOptions(_Open):
    """How a stream ends."""

    include_usage: bool = False


class CompletionRequest(SamplingRequest):
    """A chat completion. The conversation is the client's own: nothing of it is remembered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "Llama", "messages": [{"role": "user", "content": "안녕하세요!"}]}]
        }
    )

    messages: list[Message] = Field(min_length=1, max_length=1000)
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "Llama"
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: Text | list[Text] | None = None
    n: Annotated[Literal[1], BeforeValidator(_one)] | None = None
    user: PersonName | None = Field(
        default=None, description="For fairness, and the user that an API key must own; nothing is stored."
    )
    character_name: CharacterName | None = Field(
        default=None, description="Character service only: the name to play; beyond OpenAI's format."
    )
    user_name: CharacterName | None = Field(
        default=None, description="Character service only: what {{user}} becomes; beyond OpenAI's format."
    )
    greeting: CharacterText | None = Field(
        default=None, description="Character service only: the first line; beyond OpenAI's format."
    )

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings, empty ones left out; OpenAI takes up to four."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in given if text)[:4]

    @property
    def limit(self) -> int | None:
        """The longest answer that the client wants, tokens."""
        return self.max_completion_tokens or self.max_tokens
