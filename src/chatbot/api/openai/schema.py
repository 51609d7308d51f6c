"""The part of OpenAI's requests that the suite honours; ``parameters`` has the rest.

Source: OpenAI API reference, "Create chat completion".
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.api.openai.messages import Message, said
from chatbot.api.openai.parameters import IGNORED, REFUSED, RefusedParameter
from chatbot.api.openai.sampling import SamplingFields
from chatbot.core.transcript import Said
from chatbot.domain.schemas import CharacterName, CharacterText


class AskingRequest(SamplingFields):
    """What every request for an answer has, whatever its conversation looks like."""

    refused: ClassVar[Mapping[str, RefusedParameter]] = REFUSED
    """Its parameters that ask for what the suite cannot do."""

    ignored: ClassVar[Collection[str]] = IGNORED
    """Its parameters that have no meaning here."""

    conversation: ClassVar[str]
    """The field that holds the conversation."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "Llama"
    stream: bool = False
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

    def said(self) -> Sequence[Said]:
        """What the conversation says, in order; takes time in proportion to it."""
        raise NotImplementedError


class StreamOptions(OpenAIObject):
    """How a stream ends."""

    include_usage: bool = False


class CompletionRequest(AskingRequest):
    """A chat completion. The conversation is the client's own: nothing of it is remembered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "Llama", "messages": [{"role": "user", "content": "안녕하세요!"}]}]
        }
    )
    conversation = "messages"

    messages: list[Message] = Field(min_length=1, max_length=10_000, fail_fast=True)
    stream_options: StreamOptions = StreamOptions()

    def said(self) -> Sequence[Said]:
        """See AskingRequest."""
        return said(self.messages)
