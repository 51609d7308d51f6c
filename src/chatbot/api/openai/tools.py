"""A client's tools, where it forces a call: how they are described, and what the answer is held to.

Where the client leaves the choice, the answer is text and the tools are named as ignored. A forced call is
the tool's name, a line feed, and the arguments as JSON by the tool's schema.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chatbot.api.openai.fields import OpenAIObject, PersonName
from chatbot.core.transcript import Said
from chatbot.domain.bounded_schema import bounded
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.schemas import JsonObject, Text

MOST_TOOLS = 128
"""As many as OpenAI takes."""

_INSTRUCTION = (
    "Call one of these tools now. Write the name of the tool, and on the next line its arguments as JSON."
)

_ONE_LINE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""Options of llguidance's schemas: arguments on one line."""


class ToolFunction(OpenAIObject):
    """A function of the client's."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Text = ""
    parameters: JsonObject = Field(default_factory=dict)


class Tool(OpenAIObject):
    """A tool of the client's, as chat completions have it."""

    type: Literal["function"] = "function"
    function: ToolFunction


class FlatTool(ToolFunction):
    """The same as responses have it."""

    type: Literal["function"] = "function"


class NamedFunction(OpenAIObject):
    """Which function is to be called."""

    name: PersonName


class NamedTool(OpenAIObject):
    """Which tool is to be called, as chat completions have it."""

    type: Literal["function"] = "function"
    function: NamedFunction


class NamedFlatTool(NamedFunction):
    """The same as responses have it."""

    type: Literal["function"] = "function"


ToolChoice = Literal["auto", "none", "required"] | NamedTool
FlatToolChoice = Literal["auto", "none", "required"] | NamedFlatTool


def forces_a_call(choice: object) -> bool:
    """Whether a value of ``tool_choice`` asks for more than "auto" or "none"."""
    return bool(choice) and choice not in ("auto", "none")


def called(choice: ToolChoice | FlatToolChoice, tools: Sequence[Tool | FlatTool]) -> list[ToolFunction]:
    """The functions of which one is to be called; none where the choice is the model's."""
    functions = [tool.function if isinstance(tool, Tool) else tool for tool in tools]
    if isinstance(choice, str):
        return functions if choice == "required" else []
    named = choice.function if isinstance(choice, NamedTool) else choice
    return [function for function in functions if function.name == named.name]


def described(functions: Sequence[ToolFunction]) -> list[Said]:
    """What the conversation says of the functions of which one is to be called, behind its messages."""
    offers = [
        Said("offer", f"{of.description}\nArguments: {_json(of.parameters)}".strip(), of.name)
        for of in functions
    ]
    return [*offers, Said("user", _INSTRUCTION)] if offers else []


def form_of_call(functions: Sequence[ToolFunction]) -> Form:
    """What holds the answer to a call of one of the functions."""
    calls = []
    for function in functions:
        schema = {"type": "object", **bounded(function.parameters), "x-guidance": _ONE_LINE}
        calls.append(f"{json.dumps(function.name + chr(10))} %json {_json(schema)}")
    return Form(FormKind.CALL, "start: " + "\n     | ".join(calls), "tools")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


class CallText:
    """A forced call as it is written: first its name, whole, then its arguments, piece by piece."""

    def __init__(self) -> None:
        self._name = ""
        self.named = False
        """Whether the name is complete."""

    def feed(self, text: str) -> tuple[str | None, str]:
        """What a piece of the text says: the name where it completes it, and more of the arguments."""
        if self.named:
            return None, text
        self._name += text
        name, line_feed, arguments = self._name.partition("\n")
        self.named = bool(line_feed)
        return (name, arguments) if self.named else (None, "")
