"""Persona texts: what a service tells a model about who it is, in both languages.

Each kind of service has a shape of its own; the shapes here are what all of them share. They are checked at
start so that no answer meets a wrong one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chatbot.domain.language import Language

Label = Field(min_length=1, max_length=20)
"""What somebody is called in a plain transcript."""


def holding(*names: str) -> AfterValidator:
    """Require each ``{name}`` in the text exactly once, so that nothing of the request is lost or doubled."""

    def check(text: str) -> str:
        for name in names:
            if text.count(f"{{{name}}}") != 1:
                raise ValueError(f"must hold {{{name}}} exactly once")
        return text

    return AfterValidator(check)


class Persona(BaseModel):
    """The texts of every kind of service in one language: its rules, and what a nameless user is called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: str = Field(min_length=1)
    user_label: str = Label


P = TypeVar("P", bound=Persona)

Personas = Mapping[Language, Any]
"""One service's persona texts in both languages, in the shape of that service."""


@dataclass(frozen=True, slots=True)
class PersonaTexts(Generic[P]):
    """Which persona texts a service takes, and what it says where no file has any."""

    shape: type[P]
    """What a persona file must hold under the service's name, for each language."""

    packaged: Mapping[Language, P] | None = None
    """The texts where no persona file has the service's name; None: a packaged file has them."""
