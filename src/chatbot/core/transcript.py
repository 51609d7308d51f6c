"""Reads a conversation that the client itself carries (OpenAI's format): which message is what.

What a service makes of it is the service's; one rule holds for all: a client's system message never becomes
ours. Role-play front ends send example dialogue as system messages named ``example_user`` and
``example_assistant``, and end "continue" and "impersonate" with a system message behind the character's last
line: that one is what the user asks. An assistant that speaks last is not answered but continued.

What tools are for, were asked and said stands quoted in the user's turn: it is a stranger's text, and were it
the assistant's own, the model would learn to write such calls itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from chatbot.domain.messages import Exchange
from chatbot.domain.plaintext import one_line

_SYSTEM = ("system", "developer")
_TOOLS = {"offer": "Description of the tool", "call": "Call of the tool", "result": "Result of the tool"}
"""The roles of what a tool is for, what it was asked and what it said, and how each is introduced."""

_TOOL_NAME_CHARS = 64
_NO_BRACKETS = str.maketrans("[]", "()")

_EXAMPLES = {"example_user": ("{{user}}", "User"), "example_assistant": ("{{char}}", "Assistant")}
"""Who speaks in an example: as a macro, and as a word."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the client."""

    role: str
    """system, developer, user or assistant; offer, call or result for what a tool is for, was asked, said."""

    text: str

    name: str | None = None
    """Who speaks, or which tool."""


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
    """What the user asks, without white space around it; "" where the messages hold no such thing."""

    begun: str
    """The assistant's last message, when it stands last: the answer goes on behind it."""

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
    """Sort messages: instructions, an opening by the assistant, exchanges, the last question, a begun answer.

    Neighbours of one role are joined; an assistant's message without text is none.
    """
    heard = [_heard(message) for message in messages if message.role != "assistant" or message.text.strip()]
    cut = _end_of_dialogue(heard)
    told = [message for message in heard if message.role in ("user", "assistant")]
    turns = _joined([*told, *(Said("user", message.text) for message in _instructions(heard[cut:]))])
    begun = turns.pop()[1] if turns and turns[-1][0] == "assistant" else ""
    opening = turns.pop(0)[1] if turns and turns[0][0] == "assistant" else None
    question = turns.pop()[1].strip() if turns else ""
    pairs = zip(turns[::2], turns[1::2], strict=True)
    return Transcript(
        instructions=_instructions(heard[:cut]),
        opening=opening,
        exchanges=tuple(Exchange(i, ask[1], said[1]) for i, (ask, said) in enumerate(pairs, start=1)),
        question=question,
        begun=begun,
        names={message.role: message.name for message in told if message.name},
    )


def _heard(message: Said) -> Said:
    """The message; what is said of tools and by them as a quotation of the user's."""
    if message.role not in _TOOLS:
        return message
    name = one_line(message.name or "", _TOOL_NAME_CHARS).translate(_NO_BRACKETS)
    lines = message.text.splitlines() or [""]
    return Said("user", "\n".join([f"[{_TOOLS[message.role]} {name}]", *(f"> {line}" for line in lines)]))


def _end_of_dialogue(messages: Sequence[Said]) -> int:
    """The place from which on instructions are what the user asks: behind an assistant that spoke last."""
    for place in range(len(messages), 0, -1):
        role = messages[place - 1].role
        if role in ("user", "assistant"):
            return place if role == "assistant" else len(messages)
    return len(messages)


def _joined(messages: Sequence[Said]) -> list[tuple[str, str]]:
    """Role and text of each turn: of neighbours that say something, a blank line apart."""
    turns = groupby(messages, key=lambda message: message.role)
    return [(role, "\n\n".join(said.text for said in group if said.text.strip())) for role, group in turns]


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
