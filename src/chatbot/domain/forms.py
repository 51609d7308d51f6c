"""Forms: what a client holds an answer to."""

from dataclasses import dataclass
from enum import StrEnum

_MOST_BYTES = 32 * 1024
"""Of a form's text: it takes time to be read, wherever."""

TOO_LONG = f"longer than {_MOST_BYTES // 1024} KiB"
"""Why a form is refused that has more."""


class FormKind(StrEnum):
    """What the text of a form is."""

    JSON_OBJECT = "json_object"
    """Nothing: any JSON object."""

    JSON_SCHEMA = "json_schema"
    """A JSON schema, as JSON."""

    REGEX = "regex"
    """A regular expression for the whole answer, in the syntax of Rust's regex crate without look-around."""

    GRAMMAR = "grammar"
    """A grammar: llama.cpp's GBNF, or Lark's as llguidance reads it."""

    CALL = "call"
    """A grammar of Lark's: the name of a tool, a line feed, and its arguments as JSON."""


@dataclass(frozen=True, slots=True)
class Form:
    """What holds an answer to a shape, so that it cannot be anything else, unless its token limit cuts it."""

    kind: FormKind
    text: str = ""
    param: str = ""
    """The field of the request that asked for it, which a refusal names."""
    strict: bool = False
    """What the client said of its schema: a foreign model's server may hold to it loosely otherwise."""

    @property
    def too_long(self) -> bool:
        """Whether the text is longer than any model's form may be."""
        return len(self.text.encode()) > _MOST_BYTES
