"""Turns and rooms for tests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from chatbot.domain.history import AT_END, After, AskedWith, NewTurn, Room, Turn
from chatbot.domain.history_ports import TurnStore
from chatbot.domain.service_names import ServiceName

START = datetime(2026, 11, 1, 12, 0, 0, 123000, tzinfo=UTC)


def make_room(
    user_id: str = "alice", service: ServiceName = ServiceName("office"), db_id: UUID | None = None
) -> Room:
    return Room(service, user_id, db_id or uuid4())


def make_turn(
    room: Room,
    question: str = "질문",
    answer: str = "답",
    minutes: int = 0,
    id_: UUID | None = None,
    after: After = AT_END,
    asked_with: AskedWith | None = None,
) -> NewTurn:
    when = START + timedelta(minutes=minutes)
    return NewTurn(id_ or uuid4(), room, question, answer, "model", when, after, asked_with=asked_with)


async def stored(store: TurnStore, turn: NewTurn) -> Turn:
    """The turn as the store has it, which must not be buried."""
    turn_ = await store.insert(turn)
    assert turn_ is not None
    return turn_
