"""A turn as one JSON object: the line of an export and the body of a kept file.

``domain/turn_records.py`` says what its fields may be; here it names its room too. That is checked as well: a
room that the API cannot name would be a room that nobody can delete.
"""

import re
from dataclasses import replace

from pydantic import BaseModel, TypeAdapter, ValidationError

from chatbot.domain.history import AT_END, NewTurn, Room, RoomState, Turn
from chatbot.domain.messages import ServiceName
from chatbot.domain.schemas import RoomId, UserId
from chatbot.domain.turn_records import StateRecord, TurnRecord, milliseconds

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates: a database of text may refuse them or cut the text there."""

_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


class _RoomOfRecord(BaseModel):
    service: ServiceName
    user_id: UserId
    db_id: RoomId


class _Record(TurnRecord, _RoomOfRecord):
    """A turn with its room, whose fields come first.

    What was chosen for the room stands with the first of its turns: an older release reads the turn alone.
    """

    state: StateRecord | None = None


def storable(turn: NewTurn) -> NewTurn:
    """The turn as every store gives it back: well-formed text, UTC time in milliseconds."""
    return replace(
        turn,
        question=storable_text(turn.question),
        answer=storable_text(turn.answer),
        model=storable_text(turn.model),
        created_at=milliseconds(turn.created_at),
        asked_with=turn.asked_with
        and {
            name: storable_text(value) if isinstance(value, str) else value
            for name, value in turn.asked_with.items()
        },
    )


def storable_text(text: str) -> str:
    """The text with what no store can carry replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_user_id(text: str) -> bool:
    """Whether the API could name this user."""
    try:
        _USER_ID.validate_python(text)
    except ValidationError:
        return False
    return True


def write_record(turn: Turn | NewTurn, state: RoomState | None = None) -> str:
    """The turn, and its room's state if that is given, as one line of JSON without its line break."""
    record = _Record(
        service=turn.room.service,
        user_id=turn.room.user_id,
        db_id=turn.room.db_id,
        id=turn.id,
        input_data=turn.question,
        output_data=turn.answer,
        model=turn.model,
        created_at=turn.created_at,
    )
    if isinstance(turn, Turn):
        record.index = turn.index
    after = turn.parent if isinstance(turn, Turn) else turn.after
    if after is not AT_END:
        record.after = after
    if turn.reason is not None:
        record.finish_reason = turn.reason
    if turn.asked_with is not None:
        record.asked_with = dict(turn.asked_with)
    if turn.turns_read is not None:
        record.turns_read = turn.turns_read
    if state is not None and state.version:
        record.state = StateRecord.of(state)
    return record.model_dump_json(exclude_unset=True)


def read_record(line: str | bytes) -> NewTurn:
    """The turn of a line; raises ValueError without the line's text when it is not one."""
    return read_with_state(line)[0]


def read_with_state(line: str | bytes) -> tuple[NewTurn, RoomState | None]:
    """The same with the room's state, if the line tells it."""
    try:
        record = _Record.model_validate_json(line)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "line" for item in error.errors()})
        raise ValueError(f"not a turn: {', '.join(fields)}") from None
    turn = storable(record.turn_of(Room(record.service, record.user_id, record.db_id)))
    return turn, record.state.state() if record.state else None
