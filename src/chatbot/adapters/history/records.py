"""A turn as one JSON object: the line of an export and the body of a kept file.

``domain/turn_records.py`` says what its fields may be; here it names its room too. That is checked as well: a
room that the API cannot name would be a room that nobody can delete.
"""

from dataclasses import replace
from typing import NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from chatbot.domain.history import AT_END, NewTurn, PathSummary, Room, RoomState, Turn
from chatbot.domain.plaintext import mended
from chatbot.domain.schemas import RoomId, UserId
from chatbot.domain.service_names import ServiceName
from chatbot.domain.turn_records import StateRecord, SummaryRecord, TurnRecord, milliseconds

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


class ReadRecord(NamedTuple):
    """What a line tells."""

    turn: NewTurn
    state: RoomState | None
    """What was chosen for the turn's room."""
    summary: PathSummary | None
    """What was told of the path up to the turn."""


def storable(turn: NewTurn) -> NewTurn:
    """The turn as every store gives it back: well-formed text, UTC time in milliseconds."""
    return replace(
        turn,
        question=mended(turn.question),
        answer=mended(turn.answer),
        model=mended(turn.model),
        created_at=milliseconds(turn.created_at),
        asked_with=turn.asked_with
        and {
            name: mended(value) if isinstance(value, str) else value
            for name, value in turn.asked_with.items()
        },
    )


def is_user_id(text: str) -> bool:
    """Whether the API could name this user."""
    try:
        _USER_ID.validate_python(text)
    except ValidationError:
        return False
    return True


def write_record(
    turn: Turn | NewTurn, state: RoomState | None = None, summary: PathSummary | None = None
) -> str:
    """The turn, its room's state and its summary where given, as one line of JSON without its line break."""
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
    if summary is not None:
        record.summary = SummaryRecord.of(summary)
    return record.model_dump_json(exclude_unset=True)


def read_record(line: str | bytes) -> NewTurn:
    """The turn of a line; raises ValueError without the line's text when it is not one."""
    return read_whole_record(line).turn


def read_whole_record(line: str | bytes) -> ReadRecord:
    """All that a line tells; raises ValueError as ``read_record``."""
    try:
        record = _Record.model_validate_json(line)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "line" for item in error.errors()})
        raise ValueError(f"not a turn: {', '.join(fields)}") from None
    room = Room(record.service, record.user_id, record.db_id)
    return ReadRecord(
        storable(record.turn_of(room)),
        None if record.state is None else record.state.state(),
        None if record.summary is None else record.summary.summary_of(room, record.id),
    )
