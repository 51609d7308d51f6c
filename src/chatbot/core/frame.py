"""The fixed part of a prompt, and a question that stands in it: what a service makes of a request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chatbot.domain.language import Language
from chatbot.domain.messages import PromptPart, Speakers
from chatbot.domain.prompts import Persona

P_contra = TypeVar("P_contra", bound=Persona, contravariant=True)


@dataclass(frozen=True, slots=True)
class Beside:
    """Quoted texts that belong to the scene and not to the conversation."""

    parts: tuple[PromptPart, ...] = ()
    """The first and the last frame the others."""

    left_out: tuple[str, ...] = ()
    """Names of those that did not fit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The fixed part of a prompt: what stands around the conversation."""

    system: tuple[PromptPart, ...]
    """System parts, the rules common to all users first."""

    speakers: Speakers
    """What user and model are called in a plain transcript."""

    language: Language
    """What the persona speaks; a search for the question asks for pages in it."""

    opening: str | None = None
    """What the model's side said first; None: the user begins."""

    asked_in: Language | None = None
    """What the user speaks in the question; None: what the persona speaks."""

    beside: Callable[[Sequence[str]], Beside] | None = None
    """What stands beside the question, by the messages so far, the question last; None: nothing."""

    left_out: tuple[str, ...] = ()
    """Names of what was shortened or left out so that the fixed part has its size."""


UNREAD = Frame(system=(), speakers=Speakers(), language="ko")
"""The frame of a question whose character has not been read yet."""


@dataclass(frozen=True, slots=True)
class FramedQuestion(Generic[P_contra]):
    """What a service makes of a body or of a transcript."""

    text: str
    """The user's turn."""

    frame: Callable[[Mapping[Language, P_contra]], Frame]
    """Builds the fixed part from the persona texts of the model that answers."""
