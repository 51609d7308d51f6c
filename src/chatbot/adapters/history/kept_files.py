"""The files of the spool: what their names say, and how their bytes tell damage.

A name orders a turn among its owner's without reading it. Users appear hashed there, because names end up in
listings and backups.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from chatbot.adapters.history.records import read_record, write_record
from chatbot.domain.history import NewTurn, Owner, Room

TURN, DONE, GONE, ASIDE = "turn", "done", "gone", "aside"
"""A kept turn; and without content: written lately, deleted lately; a turn that cannot be written."""


def owner_hash(owner: Owner) -> str:
    """How a user is named in the folder."""
    return hashlib.sha256(f"{owner.service}/{owner.user_id}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the folder as its name tells it; ``order`` counts within its owner."""

    owner: str
    db_id: UUID
    order: int
    id: UUID
    kind: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.owner}.{self.db_id.hex}.{self.order:08d}.{self.id.hex}.{self.kind}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """The entry of a file name; None for files that are none, or are named as no entry writes itself."""
        try:
            owner, db_id, order, id_, kind = name.split(".")
            entry = cls(owner, UUID(db_id), int(order), UUID(id_), kind)
        except ValueError:
            return None
        return entry if kind in (TURN, DONE, GONE, ASIDE) and entry.name == name else None


@dataclass(slots=True)
class Kept:
    """What the folder holds of one owner or of all: turns in the order of keeping, and the rest."""

    turns: list[Entry] = field(default_factory=list)
    done: list[Entry] = field(default_factory=list)
    gone: list[Entry] = field(default_factory=list)
    aside: list[Entry] = field(default_factory=list)

    def of_room(self, room: Room) -> "Kept":
        """The entries of one room."""
        return Kept(*([entry for entry in kind if entry.db_id == room.db_id] for kind in self._kinds()))

    def by_owner(self) -> dict[str, "Kept"]:
        """The entries of each owner."""
        owners: dict[str, Kept] = {}
        for index, kind in enumerate(self._kinds()):
            for entry in kind:
                owners.setdefault(entry.owner, Kept())._kinds()[index].append(entry)
        return owners

    def _kinds(self) -> tuple[list[Entry], ...]:
        return self.turns, self.done, self.gone, self.aside


def encode(turn: NewTurn) -> bytes:
    """The bytes of a turn's file: a digest, then the record."""
    body = write_record(turn).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body + b"\n"


def decode(data: bytes) -> NewTurn | None:
    """The turn of a file's bytes; None when they are not what was written."""
    digest, _, body = data.partition(b"\n")
    body = body.removesuffix(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    try:
        return read_record(body)
    except ValueError:
        return None
