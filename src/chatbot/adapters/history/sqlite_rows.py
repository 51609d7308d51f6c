"""From rows of the SQLite file to what they mean, and back."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from chatbot.domain.history import Owner, Room, Turn
from chatbot.domain.messages import FinishReason, ServiceName

Values = dict[str, object]
TurnRow = tuple[str, str, str, str, int, str, str, str, int, str, str | None, str | None]


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
    id_, service, user_id, db_id, index, question, answer, model, created, parent, reason, asked_with = row
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
    )


def values_of_room(room: Room) -> Values:
    """What chooses the rows of a room."""
    return {"service": str(room.service), "user_id": room.user_id, "db_id": str(room.db_id)}


def values_of_owner(owner: Owner) -> Values:
    """What chooses the rows of a user of a service."""
    return {"service": str(owner.service), "user_id": owner.user_id}
