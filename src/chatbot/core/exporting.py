"""What an export tells beside each turn, read once a room: what was chosen for the room, and summaries."""

from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import UUID

from chatbot.domain.history import PathSummary, Room, RoomState, Turn
from chatbot.domain.history_ports import ChatHistory


class ToldTurn(NamedTuple):
    """A turn, and what stands with it."""

    turn: Turn

    state: RoomState | None
    """What was chosen for its room, with the first of the room's turns; None with the others."""

    summary: PathSummary | None
    """What was told of its path up to it."""


async def told_turns(history: ChatHistory, turns: AsyncIterator[Turn]) -> AsyncIterator[ToldTurn]:
    """The turns, those of a room together, each with what stands with it."""
    room: Room | None = None
    summaries: dict[UUID, PathSummary] = {}
    async for turn in turns:
        state = None
        if turn.room != room:
            room = turn.room
            state = await history.state(room)
            summaries = {one.turn: one for one in await history.summaries.of_room(room)}
        yield ToldTurn(turn, state, summaries.get(turn.id))
