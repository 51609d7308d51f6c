"""The part of OpenAI's requests that the suite honours; ``parameters`` has the rest.

Source: OpenAI API reference, "Create chat completion".
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.api.openai.forms import FormFields
from chatbot.api.openai.messages import Message, said
from chatbot.api.openai.parameters import IGNORED, REFUSED, RefusedParameter
from chatbot.api.openai.sampling import SamplingFields
from chatbot.api.openai.tools import (
    MOST_TOOLS,
    FlatTool,
    FlatToolChoice,
    Tool,
    ToolChoice,
    ToolFunction,
    called,
    described,
    forces_a_call,
    form_of_call,
)
from chatbot.core.transcript import Said
from chatbot.domain.forms import Form
from chatbot.domain.messages import Sampling
from chatbot.domain.schemas import CharacterId, CharacterName, CharacterText, sound

_MOST_ANSWERS = 4
_MOST_ALTERNATIVES = 20


class AskingRequest(SamplingFields):
    """What every request for an answer has, whatever its conversation looks like."""

    refused: ClassVar[Mapping[str, RefusedParameter]] = REFUSED
    """Its parameters that ask for what the suite cannot do."""

    ignored: ClassVar[Collection[str]] = IGNORED
    """Its parameters that have no meaning here."""

    conversation: ClassVar[str]
    """The field that holds the conversation."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(sound)] = "Llama"
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
    character_id: Annotated[CharacterId, Field(strict=False)] | None = Field(
        default=None,
        description="Character service only: a character that the `user` keeps, in place of `character_name` "
        "and `greeting`; beyond OpenAI's format.",
    )
    tools: Sequence[Tool | FlatTool] = ()
    """Of each format's own shape."""

    tool_choice: ToolChoice | FlatToolChoice = "auto"
    """The same."""

    @classmethod
    def unheeded(cls, body: Mapping[str, object]) -> tuple[str, ...]:
        """Fields of its own that a request holds and that change nothing in it.

        They are tools whose choice is left to the model, and what would cut a forced call.
        """
        name = "stop" if forces_a_call(body.get("tool_choice")) else "tools"
        return (name,) if body.get(name) else ()

    @model_validator(mode="before")
    @classmethod
    def _without_unheeded(cls, value: Any) -> Any:
        # Of any shape: they are of kinds that nobody here knows.
        if isinstance(value, dict) and not forces_a_call(value.get("tool_choice")):
            return {name: member for name, member in value.items() if name != "tools"}
        return value

    @field_validator("character_id")
    @classmethod
    def _is_somebody_s_alone(cls, value: CharacterId | None, info: ValidationInfo) -> CharacterId | None:
        # A field that is wrong itself is not there, and the error is its own.
        if value is not None and (info.data.get("character_name") or info.data.get("greeting")):
            raise PydanticCustomError("character_doubled", "character_id, or a description, and not both")
        if value is not None and not info.data.get("user", "wrong"):
            raise PydanticCustomError("character_needs_user", "character_id needs a user")
        return value

    @field_validator("tool_choice")
    @classmethod
    def _has_what_it_calls(
        cls, value: ToolChoice | FlatToolChoice, info: ValidationInfo
    ) -> ToolChoice | FlatToolChoice:
        # Where the tools themselves are wrong they are not there, and the error is their own.
        if forces_a_call(value) and not called(value, info.data.get("tools", [])) and "tools" in info.data:
            raise PydanticCustomError("no_tool", "The tool to call is none of the tools")
        return value

    @property
    def answers(self) -> int:
        """How many answers the one question gets."""
        return 1

    @property
    def forces_a_call(self) -> bool:
        """Whether the answer is to be a call of a tool."""
        return forces_a_call(self.tool_choice)

    @property
    def called(self) -> list[ToolFunction]:
        """The functions of which one is to be called."""
        return called(self.tool_choice, self.tools)

    @cached_property
    def forms(self) -> Sequence[Form]:
        """What the answer is to be held to, a forced call first; more than one is more than can be."""
        call = [form_of_call(self.called)] if self.forces_a_call else []
        return [*call, *self.asked_forms()]

    def asked_forms(self) -> Sequence[Form]:
        """The forms that its fields ask for, apart from a call."""
        return ()

    def tuned(self, sampling: Sampling) -> Sampling:
        """See SamplingFields. Nothing but its form ends a forced call: a stop string may stand in it."""
        tuned = super().tuned(sampling)
        stop = () if self.forces_a_call else tuned.stop
        return replace(tuned, stop=stop, form=next(iter(self.forms), None))

    def said(self) -> Sequence[Said]:
        """What the conversation says, in order; takes time in proportion to it.

        Behind it stand the tools of which one is to be called.
        """
        raise NotImplementedError


class StreamOptions(OpenAIObject):
    """How a stream ends."""

    include_usage: bool = False


class CompletionRequest(FormFields, AskingRequest):
    """A chat completion. The conversation is the client's own: nothing of it is remembered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "Llama", "messages": [{"role": "user", "content": "안녕하세요!"}]}]
        }
    )
    conversation = "messages"

    messages: list[Message] = Field(min_length=1, max_length=10_000, fail_fast=True)
    stream_options: StreamOptions = StreamOptions()
    n: int = Field(default=1, ge=1, le=_MOST_ANSWERS, description="How many answers to the one question.")
    logprobs: bool = Field(default=False, description="Tell the log probability of each token of the answer.")
    top_logprobs: int | None = Field(
        default=None,
        ge=0,
        le=_MOST_ALTERNATIVES,
        description="Of so many of the likeliest tokens, too; only with logprobs.",
    )

    tools: list[Tool] = Field(
        default_factory=list,
        max_length=MOST_TOOLS,
        fail_fast=True,
        description="Called where tool_choice says so; else ignored.",
    )
    tool_choice: ToolChoice = "auto"

    @field_validator("top_logprobs")
    @classmethod
    def _needs_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        # Where logprobs itself is wrong it is not there, and the error is its own.
        if value and info.data.get("logprobs") is False:
            raise PydanticCustomError("needs_logprobs", "Should come with logprobs: true")
        return value

    @property
    def answers(self) -> int:
        """See AskingRequest."""
        return self.n

    def tuned(self, sampling: Sampling) -> Sampling:
        """See AskingRequest; log probabilities are told by this format alone."""
        told = (self.top_logprobs or 0) if self.logprobs else None
        return replace(super().tuned(sampling), top_logprobs=told)

    def said(self) -> Sequence[Said]:
        """See AskingRequest."""
        return [*said(self.messages), *described(self.called)]
