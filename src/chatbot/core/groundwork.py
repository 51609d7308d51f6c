"""What an answer stands on — the room's earlier turns, search results, persona — and where it is kept."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from chatbot.core import citations
from chatbot.core.service import Question
from chatbot.domain.history import ChatHistory, NewTurn, Recollection, Stored
from chatbot.domain.language import language_of
from chatbot.domain.messages import Conversation, Exchange
from chatbot.domain.prompts import Personas
from chatbot.domain.search import SearchResult, WebSearch

RECALL_TURNS = 200
"""Turns read from a room: more than any context holds, so that tokens, not this number, do the cutting."""

SEARCH_CHARS = 2400
"""Characters of search results in a prompt: about a quarter of the default context in Korean."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Earlier turns and search results of a question, and the seconds that each took."""

    recollection: Recollection
    found: SearchResult | None
    history_seconds: float
    search_seconds: float


class Groundwork:
    """History and search of one service."""

    def __init__(self, history: ChatHistory, search: WebSearch | None, search_seconds: float) -> None:
        self.history = history
        self._search = search
        self._search_seconds = search_seconds
        self._storing: set[asyncio.Task[Stored]] = set()

    async def gather(self, ask: Question) -> Gathered:
        """Recall and search side by side."""
        async with asyncio.TaskGroup() as group:
            recalling = group.create_task(self._recall(ask))
            searching = group.create_task(self._look_up(ask))
        recollection, history_seconds = recalling.result()
        found, search_seconds = searching.result()
        return Gathered(recollection, found, history_seconds, search_seconds)

    async def _recall(self, ask: Question) -> tuple[Recollection, float]:
        if ask.room is None:
            return Recollection(()), 0.0
        begun = time.monotonic()
        return await self.history.recall(ask.room, RECALL_TURNS), time.monotonic() - begun

    async def _look_up(self, ask: Question) -> tuple[SearchResult | None, float]:
        if not ask.search or self._search is None:
            return None, 0.0
        begun = time.monotonic()
        language = language_of(ask.question)
        found = await self._search.search(ask.question, language, self._search_seconds)
        return found, time.monotonic() - begun

    def converse(self, ask: Question, personas: Personas, gathered: Gathered) -> Conversation:
        """Put the parts of a prompt in their order; the backend renders and cuts them."""
        frame = ask.frame(personas)
        earlier = gathered.recollection.turns
        turns = tuple(Exchange(turn.index, turn.question, turn.answer) for turn in earlier)
        found, language = gathered.found, language_of(ask.question)
        room = ask.room
        return Conversation(
            system=frame.system,
            question=ask.question,
            opening=frame.opening,
            exchanges=turns + ask.exchanges,
            references=() if found is None else citations.references(found, language, SEARCH_CHARS),
            speakers=frame.speakers,
            room=None if room is None else f"{room.service}/{room.user_id}/{room.db_id}",
        )

    async def keep(self, ask: Question, answer: str, model: str) -> Stored | None:
        """Store a complete answer, even if the client leaves at this very moment; None without a room."""
        if ask.room is None:
            return None
        turn = NewTurn(uuid4(), ask.room, ask.question, answer, model, datetime.now(UTC))
        storing = asyncio.create_task(self.history.remember(turn))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        return await asyncio.shield(storing)

    async def settled(self) -> None:
        """Return when every answer that was complete is stored."""
        while self._storing:
            await asyncio.wait(self._storing)
