"""The fields by which a client holds its answer to a form: OpenAI's, llama-server's and vLLM's names.

Sources: OpenAI API reference, "Structured outputs"; llama-server (tools/server/README.md); vLLM, "Structured
outputs". A schema comes as an object within the bounds of every body, or as a text within the same.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from chatbot.api import strict_json
from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.schemas import JsonObject, Text

_MOST_CHOICES = 256


def _read_schema(given: object) -> object:
    """A schema that is written as a text, as the object that it says."""
    if not isinstance(given, str):
        return given
    try:
        return strict_json.parse(given.encode("utf-8", "replace"))
    except strict_json.MalformedJson:
        raise PydanticCustomError("no_schema", "Should be a JSON schema") from None


Schema = Annotated[JsonObject, BeforeValidator(_read_schema)]


class NamedSchema(OpenAIObject):
    """A JSON schema with what OpenAI says beside it."""

    name: PersonName = ""
    schema_: Schema = Field(default_factory=dict, alias="schema")
    strict: bool = False


class AskedForm(OpenAIObject):
    """The form of an answer; llama-server and OpenAI's responses have the schema beside the type."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: PersonName = ""
    json_schema: NamedSchema | None = None
    schema_: Schema | None = Field(default=None, alias="schema")
    strict: bool = False

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None and self.schema_ is None:
            raise PydanticCustomError("missing_schema", "A json_schema should come with its schema")
        return self

    def told(self) -> dict[str, Any]:
        """The form as a response repeats it."""
        if self.type != "json_schema":
            return {"type": self.type}
        inside = self.json_schema or self
        named = {"name": inside.name, "schema": inside.schema_, "strict": inside.strict}
        return {"type": self.type, **named}

    def form(self, param: str) -> Form | None:
        """What the answer is held to; ``param`` is the field that asks for it."""
        if self.type == "text":
            return None
        if self.type == "json_schema" and self.json_schema is not None:
            return _of_schema(self.json_schema.schema_, param, strict=self.json_schema.strict)
        if self.schema_ is not None:
            return _of_schema(self.schema_, param, strict=self.strict)
        return Form(FormKind.JSON_OBJECT, param=param)


class StructuredOutputs(OpenAIObject):
    """vLLM's object of forms, of which one is given."""

    json_: Schema | None = Field(default=None, alias="json")
    regex: Text = ""
    choice: list[Text] = Field(default_factory=list, max_length=_MOST_CHOICES, fail_fast=True)
    grammar: Text = ""


class FormFields(OpenAIObject):
    """The fields of a completion that hold its answer to a form."""

    response_format: AskedForm = AskedForm()
    json_schema: Schema | None = None
    grammar: Text = Field(default="", description="A grammar: llama.cpp's GBNF, or Lark's.")
    guided_json: Schema | None = None
    guided_regex: Text = ""
    guided_choice: list[Text] = Field(default_factory=list, max_length=_MOST_CHOICES, fail_fast=True)
    guided_grammar: Text = ""
    structured_outputs: StructuredOutputs = StructuredOutputs()

    def asked_forms(self) -> list[Form]:
        """All that these fields hold the answer to."""
        asked, outputs = self.response_format.form("response_format"), "structured_outputs"
        inside = self.structured_outputs
        return [
            *([asked] if asked else []),
            *_forms("json_schema", schema=self.json_schema),
            *_forms("grammar", grammar=self.grammar),
            *_forms("guided_json", schema=self.guided_json),
            *_forms("guided_regex", regex=self.guided_regex),
            *_forms("guided_choice", choice=self.guided_choice),
            *_forms("guided_grammar", grammar=self.guided_grammar),
            *_forms(outputs, inside.json_, inside.grammar, inside.regex, inside.choice),
        ]


def _forms(
    param: str,
    schema: dict[str, Any] | None = None,
    grammar: str = "",
    regex: str = "",
    choice: list[str] | None = None,
) -> Iterator[Form]:
    if schema is not None:
        yield _of_schema(schema, param, strict=True)
    if grammar:
        yield Form(FormKind.GRAMMAR, grammar, param)
    if regex:
        yield Form(FormKind.REGEX, regex, param)
    if choice:
        texts = " | ".join(json.dumps(text, ensure_ascii=False) for text in choice)
        yield Form(FormKind.GRAMMAR, f"start: {texts}", param)


def _of_schema(schema: dict[str, Any], param: str, *, strict: bool) -> Form:
    return Form(FormKind.JSON_SCHEMA, json.dumps(schema, ensure_ascii=False), param, strict=strict)
