"""From rows of the SQLite file to what they mean, and back."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from chatbot.domain.history import Owner, Room, RoomState, Turn
from chatbot.domain.messages import FinishReason
from chatbot.domain.service_names import ServiceName

Values = dict[str, object]
TurnRow = tuple[str, str, str, str, int, str, str, str, int, str, str | None, str | None, int | None]
StateRow = tuple[int, str | None, int, str | None, str | None, str | None]


def to_milliseconds(time: datetime) -> int:
    """A time as it is stored."""
    return round(time.timestamp() * 1000)


def of_milliseconds(stored: int) -> datetime:
    """The time in UTC."""
    seconds, rest = divmod(stored, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def now() -> int:
    """This moment as it is stored."""
    return to_milliseconds(datetime.now(UTC))


def json_of(ids: Collection[UUID]) -> str:
    """Ids as one value that a statement takes apart."""
    return json.dumps([str(id_) for id_ in ids])


def turn_of_row(row: TurnRow) -> Turn:
    """The turn of a row whose parent is known."""
    id_, service, user_id, db_id, index, question, answer, model = row[:8]
    created, parent, reason, asked_with, turns_read = row[8:]
    return Turn(
        UUID(id_),
        Room(ServiceName(service), user_id, UUID(db_id)),
        index,
        question,
        answer,
        model,
        of_milliseconds(created),
        UUID(parent) if parent else None,
        FinishReason(reason) if reason else None,
        json.loads(asked_with) if asked_with else None,
        turns_read,
    )


def state_of_row(row: StateRow) -> RoomState:
    """The state of a row."""
    version, title, pinned, end, newest, facts = row
    return RoomState(
        version,
        title,
        bool(pinned),
        UUID(end) if end else None,
        UUID(newest) if newest else None,
        tuple(json.loads(facts)) if facts else (),
    )


def values_of_state(room: Room, state: RoomState) -> Values:
    """The row of a state that is stored now."""
    return {
        **values_of_room(room),
        "version": state.version,
        "title": state.title,
        "pinned": state.pinned,
        "path_end": str(state.end) if state.end else None,
        "newest": str(state.newest) if state.newest else None,
        "created_ms": now(),
        "facts": json.dumps(state.facts) if state.facts else None,
    }


def values_of_room(room: Room) -> Values:
    """What chooses the rows of a room."""
    return {"service": str(room.service), "user_id": room.user_id, "db_id": str(room.db_id)}


def values_of_owner(owner: Owner) -> Values:
    """What chooses the rows of a user of a service."""
    return {"service": str(owner.service), "user_id": owner.user_id}
