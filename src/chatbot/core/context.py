"""What an answer stands on: the room's earlier turns, search results and the service's frame, in a prompt."""

import asyncio
import time
from dataclasses import dataclass

from chatbot.core import citations
from chatbot.core.service import Frame, Question
from chatbot.domain.history import ChatHistory, Recollection
from chatbot.domain.language import Language
from chatbot.domain.messages import Conversation, Exchange
from chatbot.domain.search import SearchResult, WebSearch

RECALL_TURNS = 200
"""Turns read from a room: more than any context holds, so that tokens, not this number, do the cutting."""

SEARCH_CHARS = 2400
"""Characters of search results in a prompt: about a quarter of the default context in Korean."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Earlier turns and search results of a question, and what it took to get them."""

    recollection: Recollection
    """The room's earlier turns; none without a room."""

    found: SearchResult | None
    """What the web search brought; None when none ran."""

    history_seconds: float
    """Time of the recall, seconds; it runs beside the search."""

    search_seconds: float
    """Time of the search, seconds."""


class ContextBuilder:
    """Gathers what a question's prompt is made of, and puts it in order; one for each service."""

    def __init__(self, history: ChatHistory, search: WebSearch | None, search_seconds: float) -> None:
        """``search`` None: this process searches nothing. ``search_seconds`` is the longest search."""
        self._history = history
        self._search = search
        self._search_seconds = search_seconds

    async def gather(self, question: Question, language: Language) -> Gathered:
        """Recall and search side by side; ``language`` is that of the question, whose pages come first."""
        async with asyncio.TaskGroup() as group:
            recalling = group.create_task(self._recall(question))
            searching = group.create_task(self._look_up(question, language))
        recollection, history_seconds = recalling.result()
        found, search_seconds = searching.result()
        return Gathered(recollection, found, history_seconds, search_seconds)

    async def _recall(self, question: Question) -> tuple[Recollection, float]:
        if question.room is None:
            return Recollection(()), 0.0
        begun = time.monotonic()
        return await self._history.recall(question.room, RECALL_TURNS), time.monotonic() - begun

    async def _look_up(self, question: Question, language: Language) -> tuple[SearchResult | None, float]:
        if not question.search or self._search is None:
            return None, 0.0
        begun = time.monotonic()
        found = await self._search.search(question.text, language, self._search_seconds)
        return found, time.monotonic() - begun

    def converse(self, question: Question, frame: Frame, gathered: Gathered) -> Conversation:
        """Put the parts of a prompt in their order; the backend renders and cuts them."""
        earlier = gathered.recollection.turns
        turns = tuple(Exchange(turn.index, turn.question, turn.answer) for turn in earlier)
        found, room = gathered.found, question.room
        return Conversation(
            system=frame.system,
            question=question.text,
            opening=frame.opening,
            exchanges=turns + question.exchanges,
            references=() if found is None else citations.references(found, frame.language, SEARCH_CHARS),
            speakers=frame.speakers,
            begun=question.begun,
            room=None if room is None else f"{room.service}/{room.user_id}/{room.db_id}",
        )
