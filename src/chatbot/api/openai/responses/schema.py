"""The part of a request for a response that the suite honours: text in and out, nothing stored.

Source: OpenAI API reference, "Create a model response".
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.api.openai.forms import AskedForm, FormFields
from chatbot.api.openai.messages import joined_text
from chatbot.api.openai.parameters import IGNORED, REFUSED, RefusedParameter
from chatbot.api.openai.sampling import TokenLimit
from chatbot.api.openai.schema import AskingRequest
from chatbot.api.openai.tools import MOST_TOOLS, FlatTool, FlatToolChoice, described
from chatbot.core.transcript import Said
from chatbot.domain.forms import Form
from chatbot.domain.messages import Sampling
from chatbot.domain.schemas import Text

_STATELESS = (
    "이 서버는 응답을 저장하지 않습니다. 대화 전체를 input으로 보내세요.",
    "This server stores no responses; send the whole conversation as input.",
)
_NO_BACKGROUND = ("이 서버는 요청 중에만 답합니다.", "This server answers within the request only.")
_ONE_ANSWER = ("이 경로는 답을 하나만 줍니다.", "This route gives one answer.")
_NO_LOGPROBS = (
    "이 경로는 로그 확률을 알려 주지 않습니다. chat/completions를 쓰세요.",
    "This route tells no log probabilities; use chat/completions.",
)
_FORM = ("text.format을 쓰세요.", "Use text.format.")
_NO_PROMPTS = ("이 서버에는 저장된 프롬프트가 없습니다.", "This server holds no prompts.")


def _listed(given: object) -> object:
    """A plain text as the list of the one message that it stands for."""
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


class ResponseItem(OpenAIObject):
    """One item of the input: a message, what a client's function was asked or what it said, or thoughts."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"] = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Annotated[Text, BeforeValidator(joined_text)] = Field(
        default="", description="A text, or a list of text parts."
    )
    call_id: PersonName | None = None
    name: PersonName = ""
    arguments: Text = ""
    output: Annotated[Text, BeforeValidator(joined_text)] = ""

    @model_validator(mode="after")
    def _of_somebody(self) -> Self:
        if self.type == "message" and self.role is None:
            raise PydanticCustomError("missing_role", "A message should have a role")
        return self


class TextOptions(OpenAIObject):
    """What the answer's text is like."""

    format: AskedForm = AskedForm()


class ResponseRequest(AskingRequest):
    """A response. The conversation is the client's own: nothing of it is remembered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "Llama", "input": "안녕하세요!"}]})
    conversation = "input"
    refused: ClassVar[Mapping[str, RefusedParameter]] = {
        **{name: RefusedParameter(_FORM) for name in FormFields.model_fields},
        **REFUSED,
        "previous_response_id": RefusedParameter(_STATELESS),
        "conversation": RefusedParameter(_STATELESS),
        "background": RefusedParameter(_NO_BACKGROUND),
        "prompt": RefusedParameter(_NO_PROMPTS),
        "n": RefusedParameter(_ONE_ANSWER, (1,)),
        "logprobs": RefusedParameter(_NO_LOGPROBS),
        "top_logprobs": RefusedParameter(_NO_LOGPROBS),
    }
    ignored: ClassVar[Collection[str]] = IGNORED | {
        "include",
        "max_tool_calls",
        "reasoning",
        "truncation",
    }

    input: Annotated[
        list[ResponseItem],
        Field(min_length=1, max_length=10_000, fail_fast=True),
        BeforeValidator(_listed, json_schema_input_type=str | list[ResponseItem]),
    ]
    instructions: Text = Field(default="", description="A system message in front of the input.")
    max_output_tokens: TokenLimit | None = None
    text: TextOptions = TextOptions()
    tools: list[FlatTool] = Field(
        default_factory=list,
        max_length=MOST_TOOLS,
        fail_fast=True,
        description="Called where tool_choice says so; else ignored.",
    )
    tool_choice: FlatToolChoice = "auto"

    def asked_forms(self) -> Sequence[Form]:
        """See AskingRequest."""
        form = self.text.format.form("text.format")
        return [form] if form else []

    def tuned(self, sampling: Sampling) -> Sampling:
        """See AskingRequest; ``max_output_tokens`` is this format's own limit."""
        tuned = super().tuned(sampling)
        limit = self.max_output_tokens
        return (
            tuned if limit is None or limit < 1 else replace(tuned, max_tokens=min(limit, tuned.max_tokens))
        )

    def said(self) -> Sequence[Said]:
        """See AskingRequest; thoughts are left out."""
        tools = {item.call_id: item.name for item in self.input if item.type == "function_call"}
        result = [Said("system", self.instructions)] if self.instructions else []
        for item in self.input:
            match item.type:
                case "message":
                    result.append(Said(item.role or "user", item.content))
                case "function_call":
                    result.append(Said("call", item.arguments, item.name))
                case "function_call_output":
                    result.append(Said("result", item.output, tools.get(item.call_id)))
        return [*result, *described(self.called)]
