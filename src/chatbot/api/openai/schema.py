"""The part of OpenAI's chat completions request that the suite honours; ``parameters`` has the rest.

Source: OpenAI API reference, "Create chat completion".
"""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.api.openai.messages import Message
from chatbot.api.openai.sampling import SamplingFields
from chatbot.domain.schemas import CharacterName, CharacterText


class StreamOptions(OpenAIObject):
    """How a stream ends."""

    include_usage: bool = False


class CompletionRequest(SamplingFields):
    """A chat completion. The conversation is the client's own: nothing of it is remembered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "Llama", "messages": [{"role": "user", "content": "안녕하세요!"}]}]
        }
    )

    messages: list[Message] = Field(min_length=1, max_length=10_000, fail_fast=True)
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "Llama"
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
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
