"""What an answer stands on: the room's earlier turns, search results and the service's frame, in a prompt."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from chatbot.core import citations, pinned
from chatbot.core.frame import Beside, Frame
from chatbot.core.service import Question
from chatbot.core.summary_parts import exchanges_of, summary_parts
from chatbot.domain.aims import Act
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.errors import CharacterNotFound, TurnNotFound
from chatbot.domain.history import AT_END, After, AskedWith, Recollection, Turn, last_asked_with
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.language import Language
from chatbot.domain.messages import Conversation
from chatbot.domain.search import SearchResult, WebSearch
from chatbot.domain.token_estimate import CHARS_PER_TOKEN

_Read = TypeVar("_Read")

RECALL_TURNS = 200
"""Turns read from a room: more than any context holds, so that tokens, not this number, do the cutting."""

SEARCH_CHARS = 2400
"""Characters of search results in a prompt: about a quarter of the default context in Korean."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks for, once the turn that it names is read."""

    text: str
    """The user's turn."""

    begun: str = ""
    """What the answer begins with already."""

    after: After = AT_END
    """Where in its room the turn is stored."""

    seconds: float = 0.0
    """Time of reading the turn and the character, seconds."""

    character: CharacterSheet | None = None
    """The stored character that it names."""

    asked_with: AskedWith | None = None
    """What is stored of its request beside the text; None: as the turns before it."""

    def beside(self, asked_with: AskedWith, before: Sequence[Turn]) -> "Asked":
        """The same with what its room is to remember of the request, if the turns before it say otherwise."""
        return self if asked_with == last_asked_with(before) else replace(self, asked_with=asked_with)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Earlier turns, facts and search results of a question, and what it took to get them."""

    recollection: Recollection
    """The room's earlier turns; none without a room."""

    facts: Sequence[str]
    """What is pinned in the room."""

    found: SearchResult | None
    """What the web search brought; None when none ran."""

    history_seconds: float
    """Time of recall and facts, seconds; they run beside the search."""

    search_seconds: float
    """Time of the search, seconds."""


def recalled_chars(prompt_tokens: int) -> int:
    """Characters of earlier turns that are read for a prompt of so many tokens.

    Tokens do the cutting here, too; but 200 long turns would be held by each question that waits.
    """
    return CHARS_PER_TOKEN * prompt_tokens


class ContextBuilder:
    """Gathers what a question's prompt is made of, and puts it in order; one for each service."""

    def __init__(self, history: ChatHistory, search: WebSearch | None, search_seconds: float) -> None:
        """``search`` None: this process searches nothing. ``search_seconds`` is the longest search."""
        self._history = history
        self._search = search
        self._search_seconds = search_seconds

    async def gather(
        self, question: Question, asked: Asked, language: Language, prompt_tokens: int
    ) -> Gathered:
        """Recall and search side by side; ``language`` is that of the question, whose pages come first.

        No more is recalled than a prompt of ``prompt_tokens`` may need.
        """
        async with asyncio.TaskGroup() as group:
            recalling = group.create_task(self._recall(question, asked.after, prompt_tokens))
            reading = group.create_task(self._read_facts(question))
            searching = group.create_task(self._look_up(question, asked.text, language))
        recollection, recall_seconds = recalling.result()
        facts, facts_seconds = reading.result()
        found, search_seconds = searching.result()
        history_seconds = asked.seconds + max(recall_seconds, facts_seconds)
        return Gathered(recollection, facts, found, history_seconds, search_seconds)

    async def read_aim(self, question: Question) -> Asked:
        """The question itself, with the character that it names and what it takes from a turn that it names.

        Raises:
            TurnNotFound: the question names a turn that is not in its room.
            CharacterNotFound: it names a character that its user does not have.
            HistoryUnavailable: it names one of them while the database is away.
        """
        asked = await self._read_turn(question)
        named = question.character
        if named is None:
            return asked
        stored, seconds = await _timed(self._history.characters.read(named.owner, named.id))
        if stored is None:
            raise CharacterNotFound("the question names a character that is not there")
        return replace(asked, character=stored.character, seconds=asked.seconds + seconds)

    async def _read_turn(self, question: Question) -> Asked:
        aim, room = question.aim, question.room
        if room is None or not isinstance(aim.turn, UUID):
            return Asked(question.text, question.begun, aim.turn)
        named, seconds = await _timed(self._history.turn(room, aim.turn))
        if named is None:
            raise TurnNotFound("the question names a turn that is not there")
        match aim.act:
            case Act.ASK:
                return Asked(question.text, "", named.id, seconds)
            case Act.EDIT:
                return Asked(question.text, "", named.parent, seconds)
            case Act.REGENERATE:
                return Asked(named.question, "", named.parent, seconds)
            case Act.CONTINUE:
                return Asked(named.question, named.answer, named.parent, seconds)

    async def _recall(
        self, question: Question, after: After, prompt_tokens: int
    ) -> tuple[Recollection, float]:
        if question.room is None or after is None:
            return Recollection(()), 0.0
        chars = recalled_chars(prompt_tokens)
        return await _timed(self._history.recall(question.room, RECALL_TURNS, after, chars))

    async def _read_facts(self, question: Question) -> tuple[Sequence[str], float]:
        if question.room is None:
            return (), 0.0
        return await _timed(self._history.facts(question.room))

    async def _look_up(
        self, question: Question, text: str, language: Language
    ) -> tuple[SearchResult | None, float]:
        if not question.search or self._search is None:
            return None, 0.0
        return await _timed(self._search.search(text, language, self._search_seconds))

    async def converse(
        self, question: Question, asked: Asked, frame: Frame, gathered: Gathered
    ) -> Conversation:
        """Put the parts of a prompt in their order; the backend renders and cuts them.

        What stands beside the question is looked for on a thread: a lorebook has thousands of keys.
        """
        exchanges = exchanges_of(gathered.recollection.turns) + question.exchanges
        found, beside = gathered.found, Beside()
        if frame.beside is not None:
            said = [frame.opening or "", *(text for one in exchanges for text in (one.question, one.answer))]
            beside = await asyncio.to_thread(frame.beside, [*said, asked.text])
        return Conversation(
            system=frame.system,
            question=asked.text,
            opening=frame.opening,
            exchanges=exchanges,
            summaries=summary_parts(gathered.recollection, frame.language),
            references=() if found is None else citations.references(found, frame.language, SEARCH_CHARS),
            scene=beside.parts,
            facts=pinned.facts_part(gathered.facts, frame.language),
            speakers=frame.speakers,
            begun=asked.begun,
            language=frame.asked_in or frame.language,
            left_out=(*frame.left_out, *beside.left_out),
        )


async def _timed(reading: Awaitable[_Read]) -> tuple[_Read, float]:
    """What is read, and how long that took, seconds."""
    begun = time.monotonic()
    return await reading, time.monotonic() - begun
