"""Summaries in memory that do what a database does with them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chatbot.domain.history import MOST_SUMMARIES, PathSummary, Room, Turn


class MemorySummaries:
    """Summaries beside the turns of a store, given by their ids."""

    def __init__(self, turns: dict[UUID, Turn]) -> None:
        self._turns = turns
        self.stored: list[PathSummary] = []

    async def of_room(self, room: Room) -> Sequence[PathSummary]:
        self.forget([one.turn for one in self.stored if one.turn not in self._turns])
        return [one for one in self.stored if one.room == room]

    async def put(self, summary: PathSummary) -> bool:
        turn = self._turns.get(summary.turn)
        if turn is None or turn.room != summary.room:
            return False
        of_turn = [one for one in self.stored if one.turn == summary.turn]
        self.forget([summary.turn])
        self.stored.append(max([*of_turn, summary], key=_precedence))
        of_room = sorted((one for one in self.stored if one.room == summary.room), key=_precedence)
        self.forget([one.turn for one in of_room[:-MOST_SUMMARIES]])
        return True

    def forget(self, turns: Collection[UUID]) -> None:
        """Delete those of these turns."""
        self.stored = [one for one in self.stored if one.turn not in turns]


def _precedence(one: PathSummary) -> tuple[bool, datetime, str]:
    return one.edited, one.created_at, str(one.id)
