"""What every database must do with rooms that have branches, on SQLite and on a MongoDB-protocol server."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.history.conftest import OpenStore
from tests.history.makers import START, make_room, make_turn, stored
from tests.history.servers import MongoServer
from tests.support.memory_store import MemoryStore

from chatbot.adapters.history.branching import bury_turn, change_state, read_path, read_tree
from chatbot.adapters.history.mongo import MongoTurnStore
from chatbot.adapters.history.records import read_record, write_record
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.domain.branches import TurnNode
from chatbot.domain.history import HistoryUnavailable, Room, RoomChange, RoomState
from chatbot.domain.history_ports import TurnStore

pytestmark = pytest.mark.anyio


async def path(store: TurnStore, room: Room, limit: int = 100) -> list[str]:
    return [turn.question for turn in await read_path(store, room, limit, await store.end(room))]


async def grown(store: TurnStore, room: Room) -> dict[str, UUID]:
    """a - b - c, with b2 beside b and c2 after b2; the path ends at c2."""
    ids: dict[str, UUID] = {}
    for name, after in (("a", None), ("b", "a"), ("c", "b"), ("b2", "a"), ("c2", "b2")):
        turn = make_turn(room, name, after=ids[after] if after else None)
        ids[name] = (await stored(store, turn)).id
    return ids


async def test_a_turn_goes_where_it_says_or_to_the_end(store: TurnStore) -> None:
    room = make_room()
    ids = await grown(store, room)
    assert await path(store, room) == ["a", "b2", "c2"]
    last = await stored(store, make_turn(room, "d"))
    assert last.parent == ids["c2"]
    assert last.index == 6
    tree = await read_tree(store, room)
    assert tree.siblings(ids["b"]) == [ids["b"], ids["b2"]]
    first = await stored(store, make_turn(room, "first of all", after=None))
    assert first.parent is None
    assert await path(store, room) == ["first of all"]


async def test_a_path_is_read_in_windows_however_the_room_grew(store: TurnStore) -> None:
    room = make_room()
    last: UUID | None = None
    for number in range(6):
        for copy in range(4):
            turn = await stored(store, make_turn(room, f"{number}.{copy}", after=last))
        last = turn.id
    await stored(store, make_turn(room, "elsewhere", after=None))
    for limit in (1, 3, 6, 100):
        read = await read_path(store, room, limit, last)
        assert [turn.question for turn in read] == [f"{number}.3" for number in range(6)][-limit:]
    assert await read_path(store, room, 3, uuid4()) == ()


async def test_a_turn_that_names_another_rooms_turn_goes_to_the_end(store: TurnStore) -> None:
    room, other = make_room(), make_room()
    theirs = await stored(store, make_turn(other))
    mine = await stored(store, make_turn(room, "a"))
    assert (await stored(store, make_turn(room, "b", after=theirs.id))).parent == mine.id
    assert (await store.read(room, [theirs.id, mine.id])) == [mine]


class Growing(MemoryStore):
    """A store in which somebody goes on behind the last turn whenever a room is looked at."""

    looks = 0

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        self.looks += 1
        nodes = [*await super().outline(room)]
        if self.looks < 1000:
            nodes.append(TurnNode(UUID(int=self.looks), self.looks + 1, UUID(int=self.looks - 1)))
        return nodes


async def test_a_delete_gives_up_where_others_go_on_behind_it_all_the_time() -> None:
    store, room = Growing(), make_room()
    await stored(store, make_turn(room, id_=UUID(int=0), after=None))
    with pytest.raises(HistoryUnavailable):
        await bury_turn(store, room, UUID(int=0))
    assert store.looks < 30


async def test_a_path_is_read_back_to_where_it_has_so_many_characters(open_store: OpenStore) -> None:
    store, room = await open_store(), make_room()
    first, *others = (make_turn(room, f"{number}", "답" * 99, after=None) for number in range(9))
    chain = [first]
    await store.insert(first)
    for other in others:
        # Between two turns of the path stands one that is on no path with them.
        await store.insert(other)
        chain.append(make_turn(room, other.question, "답" * 99, after=chain[-1].id))
        await store.insert(chain[-1])

    async def read(chars: int) -> list[str]:
        return [turn.question for turn in await read_path(store, room, 100, chain[-1].id, chars)]

    assert await read(10_000) == [turn.question for turn in chain]
    assert await read(301) == ["5", "6", "7", "8"]
    assert await read(300) == ["6", "7", "8"]
    assert await read(1) == ["8"]


async def test_writers_that_name_nothing_never_make_siblings(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(3)]
    room = make_room()
    await grown(stores[0], room)
    turns = [make_turn(room, f"q{number}") for number in range(24)]
    await asyncio.gather(*(stores[number % 3].insert(turn) for number, turn in enumerate(turns)))
    tree = await read_tree(stores[0], room)
    assert set(tree.path()[3:]) == {turn.id for turn in turns}


async def test_a_chosen_end_counts_until_another_turn_is_stored(store: TurnStore) -> None:
    room = make_room()
    ids = await grown(store, room)
    state = await change_state(store, room, RoomChange(through=ids["b"]))
    assert state == RoomState(version=1, end=ids["c"], newest=ids["c2"])
    assert await path(store, room) == ["a", "b", "c"]
    await change_state(store, room, RoomChange(title="이름", pinned=True))
    assert await path(store, room) == ["a", "b", "c"], "other changes leave the end"
    assert (await stored(store, make_turn(room, "d"))).parent == ids["c"]
    await stored(store, make_turn(room, "b3", after=ids["a"]))
    assert await path(store, room) == ["a", "b3"]
    assert await change_state(store, room, RoomChange(through=uuid4())) is None
    assert await change_state(store, make_room(), RoomChange(title="x")) is None


async def test_a_deleted_turn_takes_what_follows_it_and_what_arrives_later(store: TurnStore) -> None:
    room = make_room()
    ids = await grown(store, room)
    late = make_turn(room, "late", after=ids["c2"])
    assert await bury_turn(store, room, ids["b2"]) == {ids["b2"], ids["c2"]}
    assert await path(store, room) == ["a", "b", "c"], "the path goes on through the sibling that is left"
    assert await store.insert(late) is None
    assert await store.insert(make_turn(room, "itself", id_=ids["b2"], after=ids["a"])) is None
    assert (await stored(store, make_turn(room, "d"))).parent == ids["c"]
    assert await bury_turn(store, room, ids["b2"]) == set()
    await bury_turn(store, room, ids["a"])
    assert await path(store, room) == []
    assert await store.rooms(room.service, room.user_id) == []
    assert (await stored(store, make_turn(room, "anew"))).parent is None


async def test_a_delete_elsewhere_leaves_the_current_path(store: TurnStore) -> None:
    room = make_room()
    ids = await grown(store, room)
    await change_state(store, room, RoomChange(title="이름", through=ids["c"]))
    await bury_turn(store, room, ids["c2"])
    assert await path(store, room) == ["a", "b", "c"]
    assert (await store.state(room)).title == "이름"


async def test_what_is_stored_while_its_parent_is_buried_goes_with_it_or_follows_what_is_left(
    open_store: OpenStore,
) -> None:
    here, there = await open_store(), await open_store()
    for _ in range(10):
        room = make_room()
        ids = await grown(here, room)
        named = [make_turn(room, "named", after=ids["c2"]) for _ in range(3)]
        plain = [make_turn(room, "plain") for _ in range(3)]
        await asyncio.gather(
            bury_turn(here, room, ids["b2"]), *(there.insert(turn) for turn in named + plain)
        )
        left = {node.id for node in await here.outline(room)}
        assert left.isdisjoint({ids["b2"], ids["c2"], *(turn.id for turn in named)})
        assert {node.parent for node in await here.outline(room)} <= left | {None}


async def test_a_title_and_a_pin_are_in_the_list_and_go_with_the_room(store: TurnStore) -> None:
    room, other = make_room(), make_room()
    await stored(store, make_turn(room, "질문"))
    await stored(store, make_turn(other, "다른 방"))
    await change_state(store, room, RoomChange(title="이름", pinned=True))
    lines = {line.db_id: line for line in await store.rooms(room.service, room.user_id)}
    assert (lines[room.db_id].title, lines[room.db_id].pinned) == ("이름", True)
    assert (lines[other.db_id].title, lines[other.db_id].pinned) == ("다른 방", False)
    await change_state(store, room, RoomChange(title=""))
    lines = {line.db_id: line for line in await store.rooms(room.service, room.user_id)}
    assert (lines[room.db_id].title, lines[room.db_id].pinned) == ("질문", True)
    await store.delete_room(room)
    assert await store.state(room) == RoomState()


async def test_two_changes_at_once_are_both_there(open_store: OpenStore) -> None:
    here, there = await open_store(), await open_store()
    room = make_room()
    await stored(here, make_turn(room))
    await asyncio.gather(
        change_state(here, room, RoomChange(title="이름")), change_state(there, room, RoomChange(pinned=True))
    )
    state = await here.state(room)
    assert (state.version, state.title, state.pinned) == (2, "이름", True)
    assert not await here.put_state(room, state)


async def test_prune_forgets_what_was_chosen_for_rooms_that_are_gone(store: TurnStore) -> None:
    room = make_room()
    turn = await stored(store, make_turn(room))
    await change_state(store, room, RoomChange(title="이름"))
    await bury_turn(store, room, turn.id)
    await store.prune(START.replace(year=2100))
    assert await store.state(room) == RoomState()
    assert await store.insert(make_turn(room, after=turn.id)) is not None, "its tombstone is gone too"


async def test_an_export_brings_branches_into_another_database(open_store: OpenStore, tmp_path: Path) -> None:
    store = await open_store()
    room = make_room()
    await grown(store, room)
    lines = [write_record(turn) for turn in await store.page(room, 0, 100)]
    copy = await SqliteTurnStore.open(tmp_path / "copy.sqlite3")
    for line in lines:
        await stored(copy, read_record(line))
    assert await copy.page(room, 0, 100) == await store.page(room, 0, 100)
    await copy.close()


_BEFORE = """
CREATE TABLE turns (
    id TEXT PRIMARY KEY NOT NULL, service TEXT NOT NULL, user_id TEXT NOT NULL, db_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, model TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX turns_room ON turns (service, user_id, db_id, turn_index);
"""
_AS_BEFORE = (
    "INSERT INTO turns (id, service, user_id, db_id, turn_index, question, answer, model, created_ms)"
)


async def _older_release_writes(store: TurnStore, file: Path, room: Room, index: int, text: str) -> None:
    """Store a turn as a release without branches does."""
    values = (str(uuid4()), str(room.service), room.user_id, str(room.db_id), index, text, "답", "model")
    if isinstance(store, MongoTurnStore):
        names = ("_id", "service", "user_id", "db_id", "index", "question", "answer", "model")
        await store._collections.turns.insert_one(
            {**dict(zip(names, values, strict=True)), "created_at": START}
        )
    else:
        with sqlite3.connect(file) as connection:
            connection.execute(f"{_AS_BEFORE} VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", values)
        connection.close()


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_turns_from_before_and_from_after_a_rollback_are_one_path(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = tmp_path / "history.sqlite3"
    store: TurnStore
    if kind == "sqlite":
        with sqlite3.connect(file) as connection:
            connection.executescript(_BEFORE)
        connection.close()
        store = await SqliteTurnStore.open(file)
    else:
        server: MongoServer = request.getfixturevalue("mongo_server")
        store = MongoTurnStore(server.uri, f"test_{uuid4().hex[:20]}", timeout_seconds=5)
    room = make_room()
    for number in range(1, 5):
        await _older_release_writes(store, file, room, number, f"old {number}")
    assert await path(store, room) == [f"old {number}" for number in range(1, 5)]
    assert [turn.question for turn in await read_path(store, room, 2, await store.end(room))] == [
        "old 3",
        "old 4",
    ]
    old = await store.page(room, 0, 10)
    assert [turn.parent for turn in old] == [None, *(turn.id for turn in old[:-1])]
    assert (await store.page(room, 2, 1))[0].parent == old[1].id
    apart = await store.read(room, [turn.id for turn in old[::2]])
    assert [turn.parent for turn in apart] == [None, old[1].id]
    again = await stored(store, make_turn(room, "new 2", after=old[0].id))
    assert await path(store, room) == ["old 1", "new 2"]
    await _older_release_writes(store, file, room, again.index + 1, "old 6")
    assert await path(store, room) == ["old 1", "new 2", "old 6"]
    await store.close()
