"""Stores complete answers, so that neither a client that leaves nor the end of the process loses one."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from chatbot.core.service import Question
from chatbot.domain.history import ChatHistory, HistoryUnavailable, NewTurn, Stored


class TurnWriter:
    """Writes the turns of one service."""

    def __init__(self, history: ChatHistory) -> None:
        self._history = history
        self._storing: set[asyncio.Task[Stored]] = set()

    def check(self, question: Question) -> None:
        """Return when the question's turn could be stored, or is not to be.

        Raises:
            HistoryUnavailable: neither the database nor the disk would take it; its answer would be lost.
        """
        if question.room is not None and not self._history.can_store():
            raise HistoryUnavailable("neither the database nor the disk takes turns")

    async def keep(self, question: Question, answer: str, model: str) -> Stored | None:
        """Store a complete answer, even if the client leaves at this very moment; None without a room.

        Raises:
            HistoryUnavailable: it could be stored nowhere.
        """
        if question.room is None:
            return None
        turn = NewTurn(uuid4(), question.room, question.text, answer, model, datetime.now(UTC))
        storing = asyncio.create_task(self._history.remember(turn))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        return await asyncio.shield(storing)

    async def settled(self) -> None:
        """Return when every answer that was complete is stored."""
        while self._storing:
            await asyncio.wait(self._storing)
