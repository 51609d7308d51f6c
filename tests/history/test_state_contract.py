"""What was chosen for a room, and what a turn tells of its prompt, in every database and out of it again."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.history.conftest import OpenStore
from tests.history.makers import START, make_room, make_turn, stored
from tests.history.servers import MongoServer

from chatbot.adapters.history.branching import bury_turn, change_state
from chatbot.adapters.history.importing import import_room
from chatbot.adapters.history.mongo import MongoTurnStore
from chatbot.adapters.history.mongo_documents import key
from chatbot.adapters.history.records import read_record, read_with_state, write_record
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.domain.history import Room, RoomChange, RoomState
from chatbot.domain.history_ports import TurnStore

pytestmark = pytest.mark.anyio


FACTS = ("민준은 배를 싫어한다. 😀", 'two\nlines and a "quote"')


async def test_facts_come_back_and_only_a_change_of_them_changes_them(store: TurnStore) -> None:
    room = make_room()
    ids = [(await stored(store, make_turn(room, text))).id for text in "abc"]
    await change_state(store, room, RoomChange(facts=FACTS))
    assert (await store.state(room)).facts == FACTS
    await change_state(store, room, RoomChange(title="이름"))
    await change_state(store, room, RoomChange(through=ids[0]))
    await bury_turn(store, room, ids[2])
    assert (await store.state(room)).facts == FACTS
    await change_state(store, room, RoomChange(facts=()))
    state = await store.state(room)
    assert (state.facts, state.title) == ((), "이름")


async def test_how_many_turns_were_read_comes_back(store: TurnStore) -> None:
    room = make_room()
    said = [None, 0, 7]
    turns = [await stored(store, replace(make_turn(room), turns_read=read)) for read in said]
    assert [turn.turns_read for turn in turns] == said
    assert [turn.turns_read for turn in await store.page(room, 0, 10)] == said
    assert [read_record(write_record(turn)).turns_read for turn in turns] == said


async def test_a_state_comes_with_its_room_where_nothing_was_chosen(open_store: OpenStore) -> None:
    store, room = await open_store(), make_room()
    turns = [await stored(store, make_turn(room, text)) for text in "ab"]
    chosen = RoomChange("이름", pinned=True, through=turns[0].id, facts=FACTS)
    state = await change_state(store, room, chosen)
    lines = [write_record(turns[0], await store.state(room)), write_record(turns[1])]
    brought, told = read_with_state(lines[0])
    assert read_with_state(lines[1])[1] is None
    new = [brought, read_record(lines[1])]
    assert told == state
    await store.delete_room(room)
    await import_room(room, new, store, told, dry_run=True)
    assert await store.state(room) == RoomState()
    await import_room(room, new, store, told)
    assert await store.state(room) == state
    await import_room(room, new, store, RoomState(1, "anders"))
    assert await store.state(room) == state
    for turn in turns:
        await bury_turn(store, room, turn.id)
    empty = make_room()
    await import_room(empty, [], store, told)
    assert await store.state(empty) == RoomState(), "a room without turns has nothing chosen"


def test_an_older_release_reads_the_turn_of_a_line_alone_and_its_own_lines_are_read() -> None:
    turn = make_turn(make_room(), "질문")
    line = json.loads(write_record(turn, RoomState(3, "이름", facts=FACTS)))
    state = line.pop("state")
    assert state == {"title": "이름", "pinned": False, "leaf": None, "newest": None, "facts": list(FACTS)}
    assert line == json.loads(write_record(turn)), "what stands beside it is as it was"
    assert read_with_state(json.dumps(line)) == (turn, None)
    assert read_with_state(write_record(turn, RoomState())) == (turn, None)
    with pytest.raises(ValueError, match=r"not a turn: state\.facts"):
        read_record(json.dumps({**line, "state": {"facts": "secret"}}))


async def _older_release_chooses(store: TurnStore, file: Path, room: Room, version: int) -> None:
    """Store a state as a release without facts does."""
    if isinstance(store, MongoTurnStore):
        older = {"version": version, "title": "alt", "pinned": True, "end": None, "newest": None}
        await store._collections.states.insert_one({**key(room), **older, "created_at": START})
        return
    names = "service, user_id, db_id, version, title, pinned, path_end, newest, created_ms"
    values = (str(room.service), room.user_id, str(room.db_id), version)
    with sqlite3.connect(file) as connection:
        connection.execute(
            f"INSERT INTO room_states ({names}) VALUES (?, ?, ?, ?, 'alt', 1, NULL, NULL, 0)",  # noqa: S608
            values,
        )
    connection.close()


_BEFORE = """
CREATE TABLE room_states (
    service TEXT NOT NULL, user_id TEXT NOT NULL, db_id TEXT NOT NULL, version INTEGER NOT NULL, title TEXT,
    pinned INTEGER NOT NULL, path_end TEXT, newest TEXT, created_ms INTEGER NOT NULL,
    PRIMARY KEY (service, user_id, db_id, version)
) STRICT;
"""


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_state_of_an_older_release_is_read_and_goes_on(
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
    await stored(store, make_turn(room))
    await _older_release_chooses(store, file, room, 1)
    assert await store.state(room) == RoomState(1, "alt", pinned=True)
    await change_state(store, room, RoomChange(facts=FACTS))
    assert await store.state(room) == RoomState(2, "alt", pinned=True, facts=FACTS)
    await store.close()
