"""What every database must do with characters, on SQLite and on a MongoDB-protocol server."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.history.conftest import OpenStore
from tests.history.makers import START

from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner
from chatbot.domain.history_ports import TurnStore
from chatbot.domain.lorebook import Lorebook, LoreEntry
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

ALICE = Owner(ServiceName("character"), "alice")
BOB = Owner(ServiceName("character"), "bob")
WHOLE = CharacterSheet(
    name="레이철",
    greeting="안녕, {{user}}",
    alternate_greetings=("왔어?",),
    context="사서 " * 500,
    example_dialogue="<START>\n{{char}}: 음",
    post_history_instructions="짧게",
    lorebook=Lorebook(entries=(LoreEntry(keys=("a.b", "$c"), content="지도", extensions={"$x.y": 1}),)),
    card={"tags": ["$a"], "extensions": {"a.b": {"$c": None}}},
)


def version(
    number: int = 1,
    name: str = "Rachel",
    id_: UUID | None = None,
    minutes: int = 0,
    avatar: bytes | None = None,
) -> StoredCharacter:
    when = START + timedelta(minutes=minutes)
    return StoredCharacter(
        id_ or uuid4(), number, CharacterSheet(name=name, context="A librarian."), when, avatar
    )


async def test_a_character_comes_back_as_stored(store: TurnStore) -> None:
    stored = StoredCharacter(uuid4(), 1, WHOLE, START, b"\x89PNG\x00\xff")
    assert await store.characters.put(ALICE, stored)
    assert await store.characters.read(ALICE, stored.id) == stored
    (line,) = await store.characters.lines(ALICE)
    assert (line.id, line.version, line.name, line.has_avatar) == (stored.id, 1, "레이철", True)
    assert line.updated_at == START
    assert line.excerpt == WHOLE.excerpt


async def test_characters_belong_to_a_user_of_a_service(store: TurnStore) -> None:
    mine = version()
    assert await store.characters.put(ALICE, mine)
    elsewhere = Owner(ServiceName("office"), "alice")
    for other in (BOB, elsewhere):
        assert await store.characters.read(other, mine.id) is None
        assert await store.characters.lines(other) == []
        assert await store.characters.delete(other, mine.id) == 0
        assert await store.characters.delete_all(other) == 0
        assert not await store.characters.put(other, version(2, id_=mine.id))
    assert await store.characters.owners() == [ALICE]
    assert await store.characters.read(ALICE, mine.id) == mine


async def test_the_newest_version_counts_and_the_list_has_each_once(store: TurnStore) -> None:
    first, other = version(avatar=b"png"), version(name="Jiwoo", minutes=5)
    assert await store.characters.put(ALICE, first)
    assert await store.characters.put(ALICE, other)
    second = version(2, "Rachel B.", first.id, minutes=9)
    assert await store.characters.put(ALICE, second)
    assert await store.characters.read(ALICE, first.id) == second
    lines = await store.characters.lines(ALICE)
    assert [(line.name, line.version, line.has_avatar) for line in lines] == [
        ("Rachel B.", 2, False),
        ("Jiwoo", 1, False),
    ]


async def test_a_version_follows_the_newest_or_is_refused(store: TurnStore) -> None:
    first = version()
    put = store.characters.put
    assert not await put(ALICE, version(2))
    assert await put(ALICE, first)
    assert not await put(ALICE, first)
    assert not await put(ALICE, version(3, id_=first.id))
    assert await put(ALICE, version(2, "two", first.id))
    assert not await put(ALICE, version(2, "late", first.id))
    assert await put(ALICE, version(3, "three", first.id))
    assert not await put(ALICE, version(2, "very late", first.id))
    found = await store.characters.read(ALICE, first.id)
    assert found is not None
    assert found.character.name == "three"


async def test_of_writers_at_once_one_is_told_that_it_changed_it(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(3)]
    first = version()
    assert await stores[0].characters.put(ALICE, first)
    for number in range(2, 8):
        tries = [
            stores[writer % 3].characters.put(ALICE, version(number, f"{number}.{writer}", first.id))
            for writer in range(6)
        ]
        took = await asyncio.gather(*tries)
        assert took.count(True) == 1
        found = await stores[0].characters.read(ALICE, first.id)
        assert found is not None
        assert found.character.name == f"{number}.{took.index(True)}"


async def test_what_is_deleted_stays_deleted(store: TurnStore) -> None:
    first, other = version(), version()
    for each in (first, other, version(2, id_=first.id)):
        assert await store.characters.put(ALICE, each)
    assert await store.characters.delete(ALICE, first.id) == 1
    assert await store.characters.delete(ALICE, first.id) == 0
    assert not await store.characters.put(ALICE, version(3, id_=first.id))
    assert await store.characters.read(ALICE, first.id) is None
    assert await store.characters.put(BOB, version())
    assert await store.characters.delete_all(ALICE) == 1
    assert await store.characters.lines(ALICE) == []
    assert await store.characters.owners() == [BOB]


async def test_rooms_and_characters_are_deleted_apart(store: TurnStore) -> None:
    mine = version()
    assert await store.characters.put(ALICE, mine)
    assert await store.delete_user(ALICE.service, ALICE.user_id) == 0
    await store.prune(datetime.now(UTC))
    assert await store.characters.read(ALICE, mine.id) == mine
