"""What a question does in its room, and where."""

from dataclasses import dataclass
from enum import StrEnum

from chatbot.domain.history import AT_END, After


class Act(StrEnum):
    """What a question does in its room; all but the first name a turn that is there."""

    ASK = "ask"
    """A new question, after a turn or at the room's end."""

    REGENERATE = "regenerate"
    """The turn's question once more, in its place."""

    EDIT = "edit"
    """Another question in the turn's place."""

    CONTINUE = "continue"
    """The turn's answer goes on where it ended, in its place."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where in its room a question goes."""

    act: Act = Act.ASK
    turn: After = AT_END
    """The turn that it names."""
