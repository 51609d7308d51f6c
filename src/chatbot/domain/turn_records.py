"""A turn as it comes from outside: the line of an export, a turn of an imported room, with the room's state.

The field names are the API's. ``after`` is the turn that it follows, null for one that begins a path, absent
for one that goes to its room's end, as in every file from before rooms had branches. It was written by
somebody else (an older version, another program, a hand), so every field is checked.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from chatbot.domain.history import AT_END, SUMMARY_CHARS, NewTurn, PathSummary, Room, RoomState
from chatbot.domain.messages import FinishReason
from chatbot.domain.plaintext import mended
from chatbot.domain.schemas import Facts, Title, before

RecordText = Annotated[str, before(mended)]
"""A text that was stored elsewhere: what no store carries is replaced, since nobody could correct it."""

_FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""How requests name their fields, which no database reads as anything else."""

_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)]
"""A whole number that every database takes."""

_Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def milliseconds(time: datetime) -> datetime:
    """The time in UTC, cut to milliseconds.

    Raises:
        OverflowError: a year 1 or 9999 that its own zone moves out of the calendar.
    """
    utc = time.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _without_names(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """An error that names no field of the writer's: what is refused is never echoed."""
    try:
        return check(value)
    except ValidationError:
        raise PydanticCustomError("asked_with", "Should be fields of a request and their values") from None


_AskedWith = Annotated[
    dict[_FieldName, RecordText | StrictBool | _Int64 | _Finite], WrapValidator(_without_names)
]


def _in_calendar(time: datetime) -> datetime:
    try:
        return milliseconds(time)
    except OverflowError:
        raise ValueError("out of the calendar") from None


def _written_out(value: object) -> object:
    """Refuse a number, also as a text: it does not say of what, nor since when."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise PydanticCustomError("record_time", "Should be a date and a time with its zone")


RecordTime = Annotated[AwareDatetime, AfterValidator(_in_calendar), BeforeValidator(_written_out)]
"""A time as ISO 8601 has it, in UTC and milliseconds."""


class SummaryRecord(BaseModel):
    """A summary of a path up to the turn that it stands with."""

    model_config = ConfigDict(extra="ignore")

    id: UUID
    text: Annotated[str, StringConstraints(max_length=SUMMARY_CHARS), before(mended)]
    edited: StrictBool = False
    created_at: RecordTime

    @classmethod
    def of(cls, summary: PathSummary) -> Self:
        """The record of a summary."""
        return cls(id=summary.id, text=summary.text, edited=summary.edited, created_at=summary.created_at)

    def summary_of(self, room: Room, turn: UUID) -> PathSummary:
        """The summary, to be stored with that turn; from now at the latest, or none after it would count."""
        created = min(self.created_at, milliseconds(datetime.now(UTC)))
        return PathSummary(self.id, room, turn, self.text, self.edited, created)


class TurnRecord(BaseModel):
    """A turn without the room that it belongs to."""

    model_config = ConfigDict(extra="ignore")

    index: int | None = Field(default=None, ge=1, strict=True)
    id: UUID
    after: UUID | None = None
    input_data: RecordText
    output_data: RecordText
    model: RecordText
    created_at: RecordTime
    finish_reason: FinishReason | None = None
    asked_with: _AskedWith | None = None
    turns_read: int | None = Field(default=None, ge=0, lt=2**31, strict=True)
    summary: SummaryRecord | None = None

    def turn_of(self, room: Room) -> NewTurn:
        """The turn, to be stored in that room."""
        return NewTurn(
            self.id,
            room,
            self.input_data,
            self.output_data,
            self.model,
            self.created_at,
            self.after if "after" in self.model_fields_set else AT_END,
            self.finish_reason,
            self.asked_with,
            self.turns_read,
        )


class StateRecord(BaseModel):
    """What a user chose for a room; ``leaf`` ends its path as long as ``newest`` is its newest turn."""

    model_config = ConfigDict(extra="ignore")

    title: Title | None = None
    pinned: StrictBool = False
    leaf: UUID | None = None
    newest: UUID | None = None
    facts: Facts = []

    @staticmethod
    def of(state: RoomState) -> "StateRecord":
        """The record of a state, which was checked when it was chosen."""
        return StateRecord.model_construct(
            title=state.title,
            pinned=state.pinned,
            leaf=state.end,
            newest=state.newest,
            facts=list(state.facts),
        )

    def state(self) -> RoomState:
        """The state, as the first of its room."""
        return RoomState(1, self.title or None, self.pinned, self.leaf, self.newest, tuple(self.facts))
