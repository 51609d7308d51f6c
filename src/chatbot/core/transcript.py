"""Reads a conversation that the client itself carries (OpenAI's format): which message is what.

What a service makes of it is the service's; one rule holds for all: a client's system message never becomes
ours. Role-play front ends send example dialogue as system messages named ``example_user`` and
``example_assistant``, and end "continue" and "impersonate" with a system message behind the character's last
line: that one is what the user asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.domain.errors import NoQuestion
from chatbot.domain.messages import Exchange

_SYSTEM = ("system", "developer")
_EXAMPLES = {"example_user": ("{{user}}", "User"), "example_assistant": ("{{char}}", "Assistant")}
"""Who speaks in an example: as a macro, and as a word."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the client: its role, its text, and the name of the speaker if it has one."""

    role: str
    text: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Messages sorted by what they are for."""

    instructions: tuple[Said, ...]
    """The system messages, without those that are what the user asks."""

    opening: str | None
    """What the assistant said before the user's first message."""

    exchanges: tuple[Exchange, ...]
    """The turns before the question, oldest first."""

    question: str
    """What the user asks, without white space around it."""

    names: dict[str, str]
    """The last name that each role ("user", "assistant") went by."""

    def instructions_text(self, *, macros: bool) -> str:
        """The instructions as one text; who speaks in an example is a macro ({{user}}) or a word (User)."""
        texts = []
        for message in self.instructions:
            speaker = _EXAMPLES.get(message.name or "")
            texts.append(f"{speaker[0 if macros else 1]}: {message.text}" if speaker else message.text)
        return "\n\n".join(texts)


def read_messages(messages: Sequence[Said]) -> Transcript:
    """Sort messages: instructions, an opening by the assistant, exchanges, the last question.

    Neighbours of one role are joined.

    Raises:
        NoQuestion: nothing stands behind the assistant's last message, or only white space.
    """
    cut = _end_of_dialogue(messages)
    told = [message for message in messages if message.role in ("user", "assistant")]
    turns = _joined([*told, *(Said("user", message.text) for message in _instructions(messages[cut:]))])
    if not turns or turns[-1][0] != "user" or not turns[-1][1].strip():
        raise NoQuestion("the last message must be the user's and hold text")
    opening = turns.pop(0)[1] if turns[0][0] == "assistant" else None
    question = turns.pop()[1].strip()
    pairs = zip(turns[::2], turns[1::2], strict=True)
    return Transcript(
        instructions=_instructions(messages[:cut]),
        opening=opening,
        exchanges=tuple(Exchange(i, ask[1], said[1]) for i, (ask, said) in enumerate(pairs, start=1)),
        question=question,
        names={message.role: message.name for message in told if message.name},
    )


def _end_of_dialogue(messages: Sequence[Said]) -> int:
    """The place from which on instructions are what the user asks: behind an assistant that spoke last."""
    for place in range(len(messages), 0, -1):
        role = messages[place - 1].role
        if role in ("user", "assistant"):
            return place if role == "assistant" else len(messages)
    return len(messages)


def _joined(messages: Sequence[Said]) -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    for message in messages:
        if turns and turns[-1][0] == message.role:
            turns[-1] = (message.role, f"{turns[-1][1]}\n\n{message.text}")
        else:
            turns.append((message.role, message.text))
    return turns


def _instructions(messages: Sequence[Said]) -> tuple[Said, ...]:
    return tuple(message for message in messages if message.role in _SYSTEM and message.text.strip())


@dataclass(frozen=True, slots=True)
class Names:
    """What a client says beside its messages, in fields beyond OpenAI's format."""

    character: str | None = None
    """What the model's side is called."""

    user: str | None = None
    """What the user is called."""

    greeting: str | None = None
    """What the model's side said first."""
