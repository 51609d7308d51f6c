"""Stores complete answers, so that neither a client that leaves nor the end of the process loses one."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from chatbot.core.context import Asked
from chatbot.core.service import Question
from chatbot.domain.history import HistoryUnavailable, NewTurn, Room, Stored
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.messages import FinishReason


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A turn that was stored or kept."""

    id: UUID
    where: Stored
    """Where it is now."""


class TurnWriter:
    """Writes the turns of one service."""

    def __init__(self, history: ChatHistory) -> None:
        self._history = history
        self._storing: set[asyncio.Task[KeptTurn]] = set()

    def check(self, question: Question) -> None:
        """Return when the question's turn could be stored, or is not to be.

        Raises:
            HistoryUnavailable: neither the database nor the disk would take it; its answer would be lost.
        """
        if question.room is not None and not self._history.can_store():
            raise HistoryUnavailable("neither the database nor the disk takes turns")

    def keep(
        self,
        room: Room,
        asked: Asked,
        answer: str,
        model: str,
        reason: FinishReason,
        turns_read: int | None = None,
    ) -> asyncio.Task[KeptTurn]:
        """Store an answer, whether or not anybody waits for it; what it began with is stored with it.

        ``turns_read`` is as in NewTurn. The task raises HistoryUnavailable when it could be stored nowhere.
        """
        turn = NewTurn(
            uuid4(),
            room,
            asked.text,
            asked.begun + answer,
            model,
            datetime.now(UTC),
            asked.after,
            reason,
            asked.asked_with,
            turns_read,
        )
        storing = asyncio.create_task(self._store(turn))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        return storing

    async def _store(self, turn: NewTurn) -> KeptTurn:
        return KeptTurn(turn.id, await self._history.remember(turn))

    async def settled(self) -> None:
        """Return when every answer that was complete is stored."""
        while self._storing:
            await asyncio.wait(self._storing)
