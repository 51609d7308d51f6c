"""A conversation that the client itself carries (OpenAI's format) as a Question.

The service's rules hold: a client's system message never becomes ours. For a character it is part of the
quoted introduction, for the office it joins the user's turn. Role-play front ends send example dialogue as
system messages named ``example_user`` and ``example_assistant``, and end "continue" and "impersonate" with a
system message behind the character's last line: that one is what the user asks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chatbot.core.character import Cast, character_frame
from chatbot.core.office import office_frame
from chatbot.core.service import Frame, Question
from chatbot.domain.access import KeyEntry
from chatbot.domain.errors import NoQuestion
from chatbot.domain.messages import Exchange, Sampling, ServiceName
from chatbot.domain.prompts import PersonaFile

_NO_CONTEXT = "-"
_SYSTEM = ("system", "developer")
_EXAMPLES = {"example_user": ("{{user}}", "User"), "example_assistant": ("{{char}}", "Assistant")}
"""Who speaks in an example: in a character's introduction, and elsewhere."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the client: its role, its text, and the name of the speaker if it has one."""

    role: str
    text: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Messages sorted by what they are for; ``names`` are the last that the speakers went by, by role."""

    instructions: tuple[Said, ...]
    opening: str | None
    exchanges: tuple[Exchange, ...]
    question: str
    names: dict[str, str]


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


def _text(instructions: Sequence[Said], *, macros: bool) -> str:
    """The instructions as one text, examples with their speakers."""
    texts = []
    for message in instructions:
        speaker = _EXAMPLES.get(message.name or "")
        texts.append(f"{speaker[0 if macros else 1]}: {message.text}" if speaker else message.text)
    return "\n\n".join(texts)


@dataclass(frozen=True, slots=True)
class Names:
    """What a client says beside its messages: the names, and a greeting of its own."""

    character: str | None = None
    user: str | None = None
    greeting: str | None = None


def ask_of(
    service: ServiceName,
    transcript: Transcript,
    names: Names,
    *,
    caller: str,
    arrived: float,
    tune: Callable[[Sampling], Sampling],
    key: KeyEntry | None = None,
) -> Question:
    """The Question of a transcript; nothing of it is remembered."""
    question = transcript.question
    if service is ServiceName.OFFICE:
        if instructions := _text(transcript.instructions, macros=False):
            question = f"{instructions}\n\n{question}"

        def frame(personas: PersonaFile) -> Frame:
            return replace(office_frame(transcript.question, personas), opening=transcript.opening)
    else:
        cast = Cast(
            name=names.character or transcript.names.get("assistant", ""),
            context=_text(transcript.instructions, macros=True) or _NO_CONTEXT,
            greeting=names.greeting or transcript.opening,
            user_name=names.user or transcript.names.get("user"),
            said=transcript.question,
        )

        def frame(personas: PersonaFile) -> Frame:
            return character_frame(cast, personas)

    return Question(question, frame, caller, arrived, exchanges=transcript.exchanges, tune=tune, key=key)
