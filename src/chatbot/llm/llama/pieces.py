"""A prompt as text, before it becomes tokens: template pieces that we wrote, and foreign content apart."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from chatbot.domain.messages import Conversation, SummaryPart

TEMPLATE = "template"
HISTORY = "history"
OPENING = "opening"
QUESTION = "question"
ANSWER = "answer"
SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one origin."""

    text: str
    name: str = TEMPLATE
    """What it is, for the report."""
    trusted: bool = False
    """Ours or the template's: only then special tokens are recognised in it."""
    turn: int | None = None
    """Index of the exchange that it belongs to."""


@dataclass(frozen=True, slots=True)
class Endings:
    """How an answer in this format ends and begins, beyond the model's own end tokens."""

    stops: tuple[str, ...] = ()
    """Strings that end the answer and are no part of it."""
    before: str = ""
    """What stands right before the answer and may be the beginning of a stop, such as a line feed."""
    speaks: bool = False
    """An empty answer is forbidden: the first token is never an end or a line feed."""
    continues: bool = False
    """The answer goes on behind text that is there: it does not end at once, and white space at its beginning
    is part of it."""
    formed: bool = False
    """A form says where the answer begins and ends, and all of it is part of the answer."""


class PromptFormat(Protocol):
    """How one family of models is spoken to."""

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """The whole prompt up to where the answer begins."""
        ...

    def endings(self, conversation: Conversation) -> Endings:
        """How answers of this conversation end."""
        ...


def system_pieces(conversation: Conversation) -> Iterator[Piece]:
    """The system parts with blank lines between; each is tokenised apart, so shared rules share tokens."""
    yield from _joined([(part.name, part.text.strip()) for part in conversation.system])


def summary_pieces(summaries: Iterable[SummaryPart]) -> list[Piece]:
    """What stands for turns that were cut, at the head of a user's turn."""
    quoted = [Piece(one.text.strip(), SUMMARY) for one in summaries]
    return [piece for one in quoted for piece in (one, Piece("\n\n", trusted=True))]


def earlier_turns(conversation: Conversation) -> Iterator[tuple[list[Piece], Piece]]:
    """The user's side of each exchange, the first with what stands for those before it, and the answer."""
    head = summary_pieces(conversation.summaries)
    for exchange in conversation.exchanges:
        asked = Piece(exchange.question.strip(), HISTORY, turn=exchange.index)
        yield [*head, asked], Piece(exchange.answer.strip(), HISTORY, turn=exchange.index)
        head = []


def user_pieces(conversation: Conversation) -> Iterator[Piece]:
    """Quotations, then the question; its piece comes even when nothing is left of it without white space.

    Where no earlier turn is left, what stands for them comes first.
    """
    if not conversation.exchanges:
        yield from summary_pieces(conversation.summaries)
    quoted = list(_joined([(part.name, part.text.strip()) for part in conversation.quoted]))
    yield from quoted
    if quoted:
        yield Piece("\n\n", trusted=True)
    yield Piece(conversation.question.strip(), QUESTION)


def begun_pieces(conversation: Conversation) -> list[Piece]:
    """What the answer begins with already, as it is: every character of it stands before the next."""
    return [Piece(conversation.begun, ANSWER)] if conversation.begun else []


def _joined(parts: list[tuple[str, str]]) -> Iterator[Piece]:
    first = True
    for name, text in parts:
        if text:
            if not first:
                yield Piece("\n\n", trusted=True)
            yield Piece(text, name)
            first = False
