"""A message of OpenAI's format as text: the models read nothing else."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chatbot.api.openai.fields import OpenAIObject, PersonName, Text


def _joined_text(content: object) -> object:
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
        if part["type"] not in ("text", "refusal"):
            raise PydanticCustomError("not_text", "This model reads text only")
        text = part.get(part["type"])
        if not isinstance(text, str):
            raise PydanticCustomError("content_part", "A text part should hold a text")
        texts.append(text)
    return "\n".join(texts)


class Message(OpenAIObject):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Text, BeforeValidator(_joined_text)] = Field(
        default="", description="A text, or a list of text parts."
    )
    name: PersonName | None = Field(
        default=None, description="Who speaks; example_user and example_assistant mark example dialogue."
    )
