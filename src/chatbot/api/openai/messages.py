"""A message of OpenAI's format as text: the models read nothing else."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.core.transcript import Said
from chatbot.domain.schemas import Text

_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Kinds of parts that are text, and the member that holds it."""


def joined_text(content: object) -> object:
    """Text parts as one text, a line for each; a plain text as it is.

    Raises:
        PydanticCustomError: a part is no text (an image, a sound, a file), or no part at all.
    """
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise PydanticCustomError("content_part", "Each part should be an object with a type")
        if part["type"] not in _TEXT_PARTS:
            raise PydanticCustomError("not_text", "This model reads text only")
        text = part.get(_TEXT_PARTS[part["type"]])
        if not isinstance(text, str):
            raise PydanticCustomError("content_part", "A text part should hold a text")
        texts.append(text)
    return "\n".join(texts)


class FunctionCall(OpenAIObject):
    """What the assistant asked of a client's function."""

    name: PersonName = ""
    arguments: Text = ""


class ToolCall(OpenAIObject):
    """What the assistant asked of a client's tool; the result names it by ``id``."""

    id: PersonName | None = None
    function: FunctionCall = FunctionCall()


class Message(OpenAIObject):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[Text, BeforeValidator(joined_text)] = Field(
        default="", description="A text, or a list of text parts."
    )
    name: PersonName | None = Field(
        default=None, description="Who speaks; example_user and example_assistant mark example dialogue."
    )
    refusal: Text = Field(default="", description="What the assistant said in place of a content.")
    tool_calls: list[ToolCall] = Field(
        default_factory=list, fail_fast=True, description="Of the assistant; quoted."
    )
    function_call: FunctionCall | None = Field(default=None, description="Of the assistant; quoted.")
    tool_call_id: PersonName | None = Field(default=None, description="Which call a tool's message answers.")


def said(messages: Sequence[Message]) -> list[Said]:
    """What the messages say, in order: of one with a content and calls first the content."""
    tools = {call.id: call.function.name for message in messages for call in message.tool_calls}
    result: list[Said] = []
    for message in messages:
        if message.role in ("tool", "function"):
            name = message.name or tools.get(message.tool_call_id)
            result.append(Said("result", message.content, name))
            continue
        result.append(Said(message.role, message.content or message.refusal, message.name))
        if message.role == "assistant":
            calls = [call.function for call in message.tool_calls]
            calls += [message.function_call] if message.function_call else []
            result += [Said("call", call.arguments, call.name) for call in calls]
    return result
