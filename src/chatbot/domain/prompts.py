"""Persona texts: the shape of prompts/config-*.json, checked at start so that no answer meets a wrong one."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chatbot.domain.language import Language


def _fields(*names: str) -> AfterValidator:
    """Require each ``{name}`` in the text exactly once, so that nothing of the request is lost or doubled."""

    def check(text: str) -> str:
        for name in names:
            if text.count(f"{{{name}}}") != 1:
                raise ValueError(f"must hold {{{name}}} exactly once")
        return text

    return AfterValidator(check)


class _PersonaShape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfficePersona(_PersonaShape):
    """The work assistant. ``rules`` is the whole system text."""

    rules: str = Field(min_length=1)
    user_label: str = Field(min_length=1, max_length=20)
    assistant_label: str = Field(min_length=1, max_length=20)


class CharacterPersona(_PersonaShape):
    """The role-play frame: ``rules`` are common to all characters, ``card`` carries one character."""

    rules: str = Field(min_length=1)
    card: Annotated[str, _fields("character_name", "context")]
    user_label: str = Field(min_length=1, max_length=20)


class PersonaFile(_PersonaShape):
    """One prompts/config-*.json: each persona in both languages."""

    office: dict[Language, OfficePersona] = Field(min_length=2)
    character: dict[Language, CharacterPersona] = Field(min_length=2)
