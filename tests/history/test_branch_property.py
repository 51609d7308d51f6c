"""Random lives of a room with branches: SQLite and the store in memory agree, and so does the tree."""

import asyncio
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.history.makers import make_room, make_turn
from tests.support.memory_store import MemoryStore

from chatbot.adapters.history.branching import bury_turn, change_state, kept_path, read_path, read_tree
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.domain.branches import Tree, TurnNode
from chatbot.domain.history import AT_END, After, Room, RoomChange
from chatbot.domain.history_ports import TurnStore

steps = st.lists(
    st.tuples(
        st.sampled_from(["end", "end", "after", "first", "choose", "bury", "lose"]), st.integers(0, 30)
    ),
    max_size=25,
)


async def _do(store: TurnStore, room: Room, step: str, chosen: UUID | None, number: int) -> None:
    if step == "choose" and chosen:
        await change_state(store, room, RoomChange(through=chosen))
    elif step == "bury" and chosen:
        await bury_turn(store, room, chosen)
    elif step == "lose" and chosen:
        await store.delete_turns([chosen])
    else:
        after: After = AT_END
        if step == "first":
            after = None
        elif step == "after" and chosen:
            after = chosen
        await store.insert(make_turn(room, f"q{number}", id_=UUID(int=number + 1), after=after))


async def _assert_both_stores_agree(folder: Path, life: list[tuple[str, int]]) -> None:
    real, model = await SqliteTurnStore.open(folder / "h.sqlite3"), MemoryStore()
    room, seen = make_room(), [UUID(int=0)]
    for number, (step, place) in enumerate(life):
        # Turns that are gone are named too.
        chosen = seen[place % len(seen)]
        for store in (real, model):
            await _do(store, room, step, chosen, number)
        seen.append(UUID(int=number + 1))
        tree = await read_tree(real, room)
        assert list(tree.nodes.values()) == list(await model.outline(room))
        assert tree.end == await model.end(room)
        assert set(tree.nodes).isdisjoint(model.tombstones)
        whole = [turn.id for turn in await read_path(real, room, 100, tree.end)]
        assert whole == tree.path()
        assert (tree.end is None) == (not tree.nodes)
        for limit in (1, 3):
            assert [turn.id for turn in await read_path(real, room, limit, tree.end)] == whole[-limit:]
    await real.close()


@settings(max_examples=25, deadline=None)
@given(life=steps)
def test_both_stores_agree_and_a_recall_is_the_trees_path(life: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(_assert_both_stores_agree(Path(folder), life))


@given(parents=st.lists(st.integers(-1, 30), max_size=30))
def test_every_turn_is_on_a_path_beside_its_siblings_and_goes_with_what_it_follows(
    parents: list[int],
) -> None:
    nodes = [
        TurnNode(UUID(int=index), index, None if parent < 0 or not index else UUID(int=parent % index))
        for index, parent in enumerate(parents)
    ]
    for node in nodes:
        tree = Tree(nodes, node.id)
        path = tree.path()
        assert path[-1] == node.id
        assert path == sorted(path, key=lambda id_: id_.int)
        assert node.id in tree.siblings(node.id)
        assert all(node.id in Tree(nodes, below).path() for below in tree.following(node.id))
        assert node.id in Tree(nodes, tree.newest_end(node.id)).path()
        assert len(tree.following(node.id)) == len(set(tree.following(node.id)))


@given(limit=st.integers(1, 5), afters=st.lists(st.integers(-2, 6), max_size=8))
def test_kept_turns_alone_are_a_path_too(limit: int, afters: list[int]) -> None:
    room = make_room()
    turns = [
        make_turn(
            room,
            id_=UUID(int=index),
            after=AT_END if after == -2 else None if after == -1 else UUID(int=after),
        )
        for index, after in enumerate(afters)
        if after < index
    ]
    path = kept_path(turns, limit, AT_END)
    assert len(path) <= limit
    if turns:
        assert path[-1].id == turns[-1].id
    for earlier, later in pairwise(path):
        assert later.parent == earlier.id
