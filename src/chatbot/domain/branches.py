"""How the turns of a room follow each other: paths, siblings, and what goes with a turn that is deleted."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class TurnNode:
    """A turn without its texts; ``parent`` is the turn that it follows, None for one that begins a path."""

    id: UUID
    index: int
    parent: UUID | None


class Tree:
    """The turns of one room. A turn whose parent is not among them follows the one stored before it."""

    def __init__(self, nodes: Iterable[TurnNode], end: UUID | None) -> None:
        """``end`` is the turn at which the current path ends."""
        self.nodes = {node.id: node for node in sorted(nodes, key=lambda node: node.index)}
        self.end = end
        self._parents: dict[UUID, UUID | None] = {}
        self._children: dict[UUID | None, list[UUID]] = {}
        self._places: dict[UUID, int] = {}
        before: UUID | None = None
        for node in self.nodes.values():
            gone = node.parent is not None and node.parent not in self.nodes
            parent = self._parents[node.id] = before if gone else node.parent
            siblings = self._children.setdefault(parent, [])
            self._places[node.id] = len(siblings)
            siblings.append(node.id)
            before = node.id

    @property
    def newest(self) -> UUID | None:
        """The turn that was stored last."""
        return next(reversed(self.nodes), None)

    def parent(self, id_: UUID) -> UUID | None:
        """The turn that it follows; None for one that begins a path."""
        return self._parents[id_]

    def path(self) -> list[UUID]:
        """The turns from the first to the end of the current path."""
        path: list[UUID] = []
        here = self.end
        while here in self.nodes and here is not None:
            path.append(here)
            here = self.parent(here)
        return path[::-1]

    def siblings(self, id_: UUID) -> list[UUID]:
        """All turns that stand in this one's place, itself included, in the order of storing."""
        return self._children[self.parent(id_)]

    def place(self, id_: UUID) -> int:
        """How many of its siblings were stored before the turn."""
        return self._places[id_]

    def following(self, id_: UUID) -> list[UUID]:
        """The turn and all that follow it, on whatever path."""
        found = [id_]
        for turn in found:
            found += self._children.get(turn, ())
        return found

    def newest_end(self, id_: UUID | None) -> UUID | None:
        """Where a path through the turn ends if it takes the newest turn each time; None is the start."""
        while children := self._children.get(id_):
            id_ = children[-1]
        return id_
