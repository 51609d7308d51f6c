"""Paths, ends and deletes of a room's tree, by what every store can do (docs/decisions/13-branches.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from chatbot.domain.branches import Tree
from chatbot.domain.history import (
    AT_END,
    After,
    HistoryUnavailable,
    NewTurn,
    Room,
    RoomChange,
    RoomState,
    Turn,
    chars_of,
)
from chatbot.domain.history_ports import MOST_CHARS, TurnStore

MOST_WINDOWS = 20
"""Reads of one recall; a room without branches takes one, and what stands further back is not recalled."""

CHANGE_ATTEMPTS = 20
"""Times that others come first before a change gives up: each one means that somebody else's went in."""


async def read_path(
    store: TurnStore, room: Room, limit: int, end: UUID | None, chars: int = MOST_CHARS
) -> tuple[Turn, ...]:
    """The last ``limit`` turns of the path that ends at ``end``, or those with ``chars`` characters.

    They come oldest first.
    Whatever a turn follows was stored before it, so a path is read backwards in windows of such turns.
    """
    path: list[Turn] = []
    for _ in range(MOST_WINDOWS):
        left = chars - chars_of(path)
        if end is None or len(path) == limit or left <= 0:
            break
        window = {turn.id: turn for turn in await store.recent(room, limit, end, left)}
        if window:
            path += _backwards(window, end, limit - len(path))
            end = path[-1].parent
        else:
            # What a turn follows is gone: it follows the turn stored before it.
            earlier = await store.recent(room, 2, upto=path[-1].id) if path else ()
            end = earlier[0].id if len(earlier) == 2 else None
    return tuple(reversed(path))


def kept_path(turns: Sequence[NewTurn], limit: int, after: After) -> tuple[Turn, ...]:
    """The same among a room's kept turns alone, numbered from 1 until they are written."""
    placed: dict[UUID, Turn] = {}
    last: UUID | None = None
    for index, new in enumerate(turns, 1):
        parent = last if new.after is AT_END else new.after
        placed[new.id] = Turn(
            new.id,
            new.room,
            index,
            new.question,
            new.answer,
            new.model,
            new.created_at,
            parent,
            new.reason,
            new.asked_with,
            new.turns_read,
        )
        last = new.id
    return tuple(reversed(_backwards(placed, last if after is AT_END else after, limit)))


def _backwards(turns: Mapping[UUID, Turn], end: UUID | None, most: int) -> list[Turn]:
    """The path that ends at ``end``, newest first, as far as these turns reach and at most so many."""
    path: list[Turn] = []
    while end is not None and end in turns and len(path) < most:
        path.append(turns[end])
        end = turns[end].parent
    return path


async def read_tree(store: TurnStore, room: Room) -> Tree:
    """How the room's turns follow each other."""
    return Tree(await store.outline(room), await store.end(room))


async def change_state(store: TurnStore, room: Room, change: RoomChange) -> RoomState | None:
    """Insert the room's next state; None when there is no such room, or no such turn in it.

    Raises:
        HistoryUnavailable: others changed the room all the time.
    """
    for _ in range(CHANGE_ATTEMPTS):
        tree = await read_tree(store, room)
        if not tree.nodes or not (change.through is None or change.through in tree.nodes):
            return None
        state = _changed(await store.state(room), change)
        if change.through is not None:
            state = replace(state, end=tree.newest_end(change.through), newest=tree.newest)
        if await store.put_state(room, state):
            return state
    raise HistoryUnavailable("too many changes of one room")


def _changed(state: RoomState, change: RoomChange) -> RoomState:
    title = state.title if change.title is None else change.title or None
    pinned = state.pinned if change.pinned is None else change.pinned
    facts = state.facts if change.facts is None else change.facts
    return replace(state, version=state.version + 1, title=title, pinned=pinned, facts=facts)


async def bury_turn(store: TurnStore, room: Room, id_: UUID) -> set[UUID]:
    """Bury a turn and all that follow it; returns what was buried, nothing when there is no such turn.

    Where the current path is to end afterwards is written first: it counts from the delete on, since it names
    the turn that is the newest then.

    Raises:
        HistoryUnavailable: others went on behind what was buried all the time.
    """
    tree = await read_tree(store, room)
    if id_ not in tree.nodes:
        return set()
    buried = set(tree.following(id_))
    left = Tree((node for node in tree.nodes.values() if node.id not in buried), tree.end)
    end = left.newest_end(tree.parent(id_)) if tree.end in buried else tree.end
    if end is not None and end != left.newest:
        state = await store.state(room)
        await store.put_state(room, replace(state, version=state.version + 1, end=end, newest=left.newest))
    await store.bury(room, buried)
    # A turn that was stored after the look and before its parent's tombstone follows it all the same.
    for _ in range(CHANGE_ATTEMPTS):
        late = {node.id for node in await store.outline(room) if node.parent in buried}
        if not late:
            return buried
        await store.bury(room, late)
        buried |= late
    raise HistoryUnavailable("too many writers of one room")
