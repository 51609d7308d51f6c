"""A conversation that the client itself carries (OpenAI's format) as an Ask.

The service's rules hold: a client's system message never becomes ours. For a character it is the quoted
introduction, for the office it joins the user's turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatbot.core.character import character_frame
from chatbot.core.office import office_frame
from chatbot.core.service import Ask, Frame
from chatbot.domain.errors import NoQuestion
from chatbot.domain.messages import Exchange, Sampling, ServiceName
from chatbot.domain.prompts import PersonaFile

_NO_NAME = "상대"
_NO_CONTEXT = "-"


@dataclass(frozen=True, slots=True)
class Transcript:
    """Messages sorted by what they are for."""

    instructions: str
    opening: str | None
    exchanges: tuple[Exchange, ...]
    question: str


def read_messages(messages: Sequence[tuple[str, str]]) -> Transcript:
    """Sort (role, text) pairs: instructions, an opening by the assistant, exchanges, the last question.

    Neighbours of one role are joined.

    Raises:
        NoQuestion: the last message is not the user's, or is empty.
    """
    instructions = [text for role, text in messages if role in ("system", "developer") and text.strip()]
    turns: list[tuple[str, str]] = []
    for role, text in messages:
        if role not in ("user", "assistant"):
            continue
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((role, text))
    if not turns or turns[-1][0] != "user" or not turns[-1][1].strip():
        raise NoQuestion("the last message must be the user's and hold text")
    opening = turns.pop(0)[1] if turns[0][0] == "assistant" else None
    question = turns.pop()[1].strip()
    pairs = zip(turns[::2], turns[1::2], strict=True)
    exchanges = tuple(Exchange(i, asked[1], said[1]) for i, (asked, said) in enumerate(pairs, start=1))
    return Transcript("\n\n".join(instructions), opening, exchanges, question)


def ask_of(
    service: ServiceName,
    transcript: Transcript,
    *,
    caller: str,
    arrived: float,
    tune: Callable[[Sampling], Sampling],
    character_name: str | None = None,
    greeting: str | None = None,
) -> Ask:
    """The Ask of a transcript; nothing of it is remembered."""
    question = transcript.question
    if service is ServiceName.OFFICE:
        if transcript.instructions:
            question = f"{transcript.instructions}\n\n{question}"

        def frame(personas: PersonaFile) -> Frame:
            return office_frame(transcript.question, personas)
    else:

        def frame(personas: PersonaFile) -> Frame:
            return character_frame(
                character_name or _NO_NAME,
                greeting or transcript.opening,
                transcript.instructions or _NO_CONTEXT,
                personas,
            )

    return Ask(question, frame, caller, arrived, exchanges=transcript.exchanges, tune=tune)
