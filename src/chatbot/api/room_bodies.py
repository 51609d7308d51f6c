"""What the room routes read and write as JSON."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chatbot.api.summary_bodies import SummaryTold
from chatbot.domain.branches import Tree
from chatbot.domain.history import (
    FoundText,
    Imported,
    ListedRoom,
    RoomChange,
    RoomState,
    Turn,
)
from chatbot.domain.messages import FinishReason
from chatbot.domain.schemas import Facts, RoomId, Title, TurnId, written
from chatbot.domain.turn_records import StateRecord, SummaryRecord, TurnRecord

QUERY_CHARS = 100
"""The longest text to search for."""

MOST_IMPORTED = 200
"""Turns that one request may bring: a second or two of a database's time."""

MOST_SIBLINGS = 50
"""Turns of one place that each of them tells: all of them with each would be a page's square."""

Query = Annotated[str, *written(QUERY_CHARS, least=1)]


class RoomLine(BaseModel):
    """A room in the list; times are UTC."""

    db_id: UUID
    title: str
    turns: int
    updated_at: str
    pinned: bool

    @classmethod
    def of(cls, line: ListedRoom) -> Self:
        """The line of a room."""
        return cls(
            db_id=line.db_id,
            title=line.title,
            turns=line.turns,
            updated_at=line.updated_at.isoformat(),
            pinned=line.pinned,
        )


class RoomList(BaseModel):
    """All rooms of a user, most recently used first."""

    rooms: list[RoomLine]


class StoredTurn(BaseModel):
    """One stored turn; ``after`` is the turn that it follows, null for one that begins a path.

    ``asked_with`` has the fields of its request that a room remembers; null: as the turns before it.
    ``turns_read`` says how many of the turns right before it entered its prompt; null: it was not kept.
    """

    id: UUID
    index: int
    after: UUID | None
    input_data: str
    output_data: str
    model: str
    created_at: str
    finish_reason: FinishReason | None
    asked_with: dict[str, str | bool | int | float] | None
    turns_read: int | None

    @classmethod
    def of(cls, turn: Turn, **more: Any) -> Self:
        """The body of a turn."""
        return cls(
            id=turn.id,
            index=turn.index,
            after=turn.parent,
            input_data=turn.question,
            output_data=turn.answer,
            model=turn.model,
            created_at=turn.created_at.isoformat(),
            finish_reason=turn.reason,
            asked_with=None if turn.asked_with is None else dict(turn.asked_with),
            turns_read=turn.turns_read,
            **more,
        )


class ExportedTurn(StoredTurn):
    """A turn of an export that has a summary."""

    summary: SummaryRecord


class TurnInTree(StoredTurn):
    """A turn with those that stand in its place, itself included, in the order of storing.

    Of more than 50 the nearest are told, and how many stand before and after these.
    """

    siblings: list[UUID]
    siblings_before: int
    siblings_after: int

    @classmethod
    def in_tree(cls, turn: Turn, tree: Tree) -> Self:
        """The body of a turn that is in the tree."""
        there = tree.siblings(turn.id)
        before = max(0, min(tree.place(turn.id) - MOST_SIBLINGS // 2, len(there) - MOST_SIBLINGS))
        told = there[before : before + MOST_SIBLINGS]
        after = len(there) - before - len(told)
        return cls.of(turn, siblings=told, siblings_before=before, siblings_after=after)


class RoomPage(BaseModel):
    """A page of a room; ask again with ``after=next_after`` until it is null. ``leaf`` ends the path.

    ``facts`` are pinned: they enter every prompt of the room. ``summaries`` are those of the current path.
    """

    db_id: UUID
    leaf: UUID
    turns: list[TurnInTree]
    next_after: int | None
    facts: list[str]
    summaries: list[SummaryTold]


class Deleted(BaseModel):
    """How many turns were deleted."""

    deleted: int


class RoomPatch(BaseModel):
    """What is to change of a room; what is absent stays as it is."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"title": "여행", "pinned": True}]}
    )

    title: Title | None = Field(default=None, description="Its title; empty: its first question again.")
    pinned: StrictBool | None = Field(default=None, description="Whether it stands above the others.")
    leaf: TurnId | None = Field(
        default=None, description="A turn: the current path goes through it, and on to the newest below it."
    )
    facts: Facts | None = Field(
        default=None,
        description="What enters every prompt of the room, in place of what did: at most 20 texts of 1 to "
        "300 characters, together at most 2,000.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if all(getattr(self, name) is None for name in RoomPatch.model_fields):
            raise PydanticCustomError("nothing_to_change", "Give title, pinned, leaf or facts")
        return self

    def change(self) -> RoomChange:
        """The change."""
        facts = None if self.facts is None else tuple(self.facts)
        return RoomChange(self.title, self.pinned, self.leaf, facts)


class ChangedRoom(BaseModel):
    """What was chosen for a room; ``title`` null: its first question is its title."""

    db_id: UUID
    title: str | None
    pinned: bool
    facts: list[str]

    @classmethod
    def of(cls, db_id: UUID, state: RoomState) -> Self:
        """The body of a state."""
        return cls(db_id=db_id, title=state.title, pinned=state.pinned, facts=list(state.facts))


class RoomToStore(BaseModel):
    """Turns of a room from elsewhere, oldest first, each as an export has it."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "db_id": "123e4567-e89b-12d3-a456-426614174000",
                    "turns": [
                        {
                            "id": "123e4567-e89b-12d3-a456-426614174001",
                            "after": None,
                            "input_data": "안녕하세요",
                            "output_data": "네, 안녕하세요.",
                            "model": "imported",
                            "created_at": "2025-06-04T00:07:00Z",
                        }
                    ],
                }
            ]
        },
    )

    db_id: RoomId
    turns: list[TurnRecord] = Field(
        min_length=1, max_length=MOST_IMPORTED, description="1 to 200 turns; the rest of a room may follow."
    )
    state: StateRecord | None = Field(
        default=None,
        description="What was chosen for the room, as an export has it; left out where something is here.",
    )


class ImportedTurns(BaseModel):
    """How many turns were stored, and how many had been here."""

    stored: int
    present: int

    @classmethod
    def of(cls, imported: Imported) -> Self:
        """The body of a report."""
        return cls(stored=imported.stored, present=imported.present)


class RoomQuery(BaseModel):
    """A text to search for."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"q": "회의"}]})

    q: Query = Field(description="1 to 100 characters, found in any case.")


class FoundPlace(BaseModel):
    """Where the text was found; ``turn`` null: in the title."""

    db_id: UUID
    title: str
    turn: UUID | None
    excerpt: str

    @classmethod
    def of(cls, found: FoundText) -> Self:
        """The body of a place."""
        return cls(db_id=found.db_id, title=found.title, turn=found.turn, excerpt=found.excerpt)


class FoundPlaces(BaseModel):
    """What a search found, in the rooms used last first; not ``complete`` when a bound ended it."""

    found: list[FoundPlace]
    complete: bool
