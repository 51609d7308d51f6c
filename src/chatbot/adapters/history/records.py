"""A turn as one JSON object: the line of an export and the body of a kept file.

The field names are the API's; ``after`` is the turn that it follows, null for one that begins a path, absent
for one that goes to its room's end, as in every file from before rooms had branches. What is read back was
written by somebody else (an older version, a hand), so every field is checked again: a room that the API
cannot name would be a room that nobody can delete.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from chatbot.domain.history import AT_END, NewTurn, Room, Turn
from chatbot.domain.messages import FinishReason, ServiceName
from chatbot.domain.schemas import RoomId, UserId

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates: a database of text may refuse them or cut the text there."""

_FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""How requests name their fields, which no database reads as anything else."""

_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number that every database takes."""

_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")

    service: ServiceName
    user_id: UserId
    db_id: RoomId
    index: int | None = Field(default=None, ge=1)
    id: UUID
    after: UUID | None = None
    input_data: str
    output_data: str
    model: str
    created_at: AwareDatetime
    finish_reason: FinishReason | None = None
    asked_with: dict[_FieldName, str | _Int64 | FiniteFloat] | None = None


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


def milliseconds(time: datetime) -> datetime:
    """The time in UTC, cut to milliseconds."""
    utc = time.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def is_user_id(text: str) -> bool:
    """Whether the API could name this user."""
    try:
        _USER_ID.validate_python(text)
    except ValidationError:
        return False
    return True


def write_record(turn: Turn | NewTurn) -> str:
    """The turn as one line of JSON without its line break."""
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
    return record.model_dump_json(exclude_unset=True)


def read_record(line: str | bytes) -> NewTurn:
    """The turn of a line; raises ValueError without the line's text when it is not one."""
    try:
        record = _Record.model_validate_json(line)
        created = milliseconds(record.created_at)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "line" for item in error.errors()})
        raise ValueError(f"not a turn: {', '.join(fields)}") from None
    except OverflowError:
        # A year 1 or 9999 that its own zone moves out of the calendar.
        raise ValueError("not a turn: created_at") from None
    return storable(
        NewTurn(
            record.id,
            Room(record.service, record.user_id, record.db_id),
            record.input_data,
            record.output_data,
            record.model,
            created,
            record.after if "after" in record.model_fields_set else AT_END,
            record.finish_reason,
            record.asked_with,
        )
    )
