"""Turns of a room from elsewhere over HTTP: all checked as the command checks them, each stored once."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.adapters.history import exporting
from chatbot.api import few_at_once, importing
from chatbot.api.room_bodies import MOST_SIBLINGS
from chatbot.core.context import recalled_chars
from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.history import Imported, NewTurn, PathSummary, Room, RoomState
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

DB = "123e4567-e89b-12d3-a456-426614174000"
ROOM = Room(ServiceName("office"), "u", UUID(DB))
PATH = "/office/rooms/import"
USER = {"user_id": "u"}


def record(number: int, **more: Any) -> dict[str, Any]:
    """The turn of a number, which follows the one before it."""
    return {
        "id": str(UUID(int=number)),
        "after": str(UUID(int=number - 1)) if number > 1 else None,
        "input_data": f"질문 {number}",
        "output_data": f"답 {number}",
        "model": "llama3",
        "created_at": "2024-03-12T10:13:00+09:00",
        **more,
    }


@pytest.fixture
async def history() -> MemoryHistory:
    return MemoryHistory()


@pytest.fixture
async def client(history: MemoryHistory) -> Any:
    async with client_of(service_state(history=history)) as client:
        yield client


async def send(client: httpx.AsyncClient, *records: dict[str, Any], db_id: str = DB) -> httpx.Response:
    return await client.post(PATH, params=USER, json={"db_id": db_id, "turns": list(records)})


async def test_a_room_comes_in_whole_once_and_is_read_as_any(client: httpx.AsyncClient) -> None:
    records = [record(1), record(2, id=str(UUID(int=9)), after=None), record(2), record(3)]
    assert (await send(client, *records)).json() == {"stored": 4, "present": 0}
    assert (await send(client, *records)).json() == {"stored": 0, "present": 4}
    page = (await client.get(f"/office/rooms/{DB}", params=USER)).json()
    assert [turn["input_data"] for turn in page["turns"]] == ["질문 1", "질문 2", "질문 3"]
    assert page["turns"][0]["siblings"] == [str(UUID(int=1)), str(UUID(int=9))]
    assert page["turns"][0]["created_at"] == "2024-03-12T01:13:00+00:00"


async def test_of_many_turns_in_one_place_the_nearest_are_told_and_how_many_others(
    client: httpx.AsyncClient,
) -> None:
    records = [record(number, after=None) for number in range(1, 161)]
    await send(client, *records)
    turns = (await client.get(f"/office/rooms/{DB}", params={**USER, "limit": 200, "branches": 1})).json()[
        "turns"
    ]
    assert len(turns) == 160
    for place, turn in enumerate(turns):
        before, told, after = turn["siblings_before"], turn["siblings"], turn["siblings_after"]
        assert len(told) == MOST_SIBLINGS
        assert told == [one["id"] for one in records[before : 160 - after]]
        near = {max(0, place - 1), place, min(159, place + 1)}
        assert {records[number]["id"] for number in near} <= set(told)


async def test_a_page_ends_where_its_texts_are_long(client: httpx.AsyncClient) -> None:
    for number in range(1, 31):
        await send(client, record(number, output_data="답" * 80_000))
    read: list[int] = []
    next_after: int | None = 0
    while next_after is not None:
        query: dict[str, Any] = {**USER, "limit": 200, "after": next_after}
        page = await client.get(f"/office/rooms/{DB}", params=query)
        assert len(page.content) < 6_000_000
        read += [turn["index"] for turn in page.json()["turns"]]
        next_after = page.json()["next_after"]
    assert read == list(range(1, 31))


def test_what_an_export_or_a_search_reads_at_once_is_bounded_though_each_turn_is_as_long_as_may_be() -> None:
    assert exporting.PAGE * importing.MAX_IMPORT <= 10 * 2**20


async def test_of_long_turns_no_more_is_held_than_a_prompt_may_need(history: MemoryHistory) -> None:
    model = FakeModel()
    state = service_state(model=model, history=history)
    async with client_of(state) as client:
        for number in range(1, 41):
            await send(client, record(number, output_data="답" * 80_000))
        question = {"input_data": "그래서?", "user_id": "u", "db_id": DB}
        assert (await client.post("/office/Llama", json=question)).status_code == 200
    held = model.conversations[-1].exchanges
    assert held[-1].index == 40
    most = recalled_chars(state.chat.backend("Llama").prompt_tokens)
    assert sum(len(one.question) + len(one.answer) for one in held[1:]) < most


async def test_what_was_exported_is_taken_back(client: httpx.AsyncClient, history: MemoryHistory) -> None:
    await send(client, record(1, asked_with={"character_name": "미나"}), record(2))
    (room,) = (await client.get("/office/rooms/export", params=USER)).json()["rooms"]
    before = history.turns
    await client.delete(f"/office/rooms/{DB}", params=USER)
    assert room["state"] is None
    assert (await send(client, *room["turns"])).json() == {"stored": 2, "present": 0}
    assert history.turns == before


async def test_what_was_chosen_for_a_room_comes_back_with_it_where_nothing_is_chosen(
    client: httpx.AsyncClient, history: MemoryHistory
) -> None:
    chosen = {"title": "여행", "pinned": True, "facts": ["민준은 배를 싫어한다."], "leaf": str(UUID(int=1))}
    records = [record(1), record(2, after=None)]
    await send(client, *records)
    await client.patch(f"/office/rooms/{DB}", params=USER, json=chosen)
    (room,) = (await client.get("/office/rooms/export", params=USER)).json()["rooms"]
    assert room["state"] == {**chosen, "newest": str(UUID(int=2))}
    before = await history.state(ROOM)
    await client.delete(f"/office/rooms/{DB}", params=USER)
    body = {"db_id": DB, "turns": room["turns"], "state": room["state"]}
    assert (await client.post(PATH, params=USER, json=body)).json() == {"stored": 2, "present": 0}
    assert await history.state(ROOM) == before
    other = {**body, "state": {"title": "다른 이름"}}
    assert (await client.post(PATH, params=USER, json=other)).json() == {"stored": 0, "present": 2}
    assert (await history.state(ROOM)).title == "여행", "what is chosen here stays"


@pytest.mark.parametrize(
    "state",
    [{"title": "x" * 101}, {"facts": ["x" * 301]}, {"facts": [""]}, {"pinned": 1}, {"leaf": "here"}, []],
)
async def test_a_wrong_state_stores_nothing(
    client: httpx.AsyncClient, history: MemoryHistory, state: object
) -> None:
    body = {"db_id": DB, "turns": [record(1)], "state": state}
    assert (await client.post(PATH, params=USER, json=body)).status_code == 422
    assert history.turns == []


async def test_a_long_room_comes_in_pieces_and_none_goes_behind_what_was_written_here(
    client: httpx.AsyncClient, history: MemoryHistory
) -> None:
    assert (await send(client, record(1), record(2))).status_code == 200
    assert (await send(client, record(3), record(4))).json() == {"stored": 2, "present": 0}
    assert (await send(client, record(3), record(4))).json() == {"stored": 0, "present": 2}
    await client.post("/office/Llama", json={"input_data": "여기서", "db_id": DB, **USER})
    refused = await send(client, record(5))
    assert (refused.status_code, len(history.turns)) == (409, 5)
    assert "이미 이어졌습니다" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"id": "secret"}, "id"),
        ({"after": 5}, "after"),
        ({"input_data": None}, "input_data"),
        ({"output_data": ["secret"]}, "output_data"),
        ({"created_at": "2024-03-12T10:13:00"}, "created_at"),
        ({"created_at": "9999-12-31T23:59:59-10:00"}, "created_at"),
        ({"finish_reason": "secret"}, "finish_reason"),
        ({"asked_with": {"Secret": 1}}, "asked_with"),
        ({"asked_with": {"secret": []}}, "asked_with"),
        ({"asked_with": {"secret": None}}, "asked_with"),
        ({"index": "2"}, "index"),
        ({"index": True}, "index"),
        ({"turns_read": "1"}, "turns_read"),
        ({"turns_read": True}, "turns_read"),
        ({"created_at": 1.5e9}, "created_at"),
        ({"created_at": "1500000000"}, "created_at"),
    ],
)
async def test_one_wrong_turn_keeps_all_out_and_is_named(
    client: httpx.AsyncClient, history: MemoryHistory, wrong: dict[str, Any], place: str
) -> None:
    refused = await send(client, record(1), record(2, **wrong))
    assert refused.status_code == 422
    assert [item["loc"] for item in refused.json()["detail"]] == [["body", "turns", 1, place]]
    assert "ecret" not in refused.text
    assert history.turns == []


async def test_a_yes_that_a_room_remembers_stays_one(client: httpx.AsyncClient) -> None:
    asked_with = {"aloud": True, "speed": 1, "pitch": 0.5}
    await send(client, record(1, asked_with=asked_with))
    page = (await client.get(f"/office/rooms/{DB}", params=USER)).json()
    assert json.dumps(page["turns"][0]["asked_with"]) == json.dumps(asked_with)


@pytest.mark.parametrize("count", [0, 201])
async def test_the_number_of_turns_is_bounded(client: httpx.AsyncClient, count: int) -> None:
    assert (await send(client, *(record(number) for number in range(1, count + 1)))).status_code == 422


async def test_a_body_is_bounded(client: httpx.AsyncClient, history: MemoryHistory) -> None:
    assert (await send(client, record(1, output_data="가" * 80_000))).status_code == 200
    refused = await send(client, record(2, output_data="가" * 90_000))
    assert (refused.status_code, len(history.turns)) == (413, 1)
    assert "256 KiB" in refused.json()["detail"]


async def test_another_users_turn_stays(client: httpx.AsyncClient, history: MemoryHistory) -> None:
    await send(client, record(1))
    body = {"db_id": str(uuid4()), "turns": [record(1)]}
    answer = await client.post(PATH, params={"user_id": "v"}, json=body)
    assert answer.json() == {"stored": 0, "present": 0}
    assert [turn.room for turn in history.turns] == [ROOM]


async def test_a_deleted_turn_does_not_come_back(client: httpx.AsyncClient, history: MemoryHistory) -> None:
    await send(client, record(1), record(2))
    await client.delete(f"/office/rooms/{DB}/turns/{UUID(int=2)}", params=USER)
    assert (await send(client, record(1), record(2))).json() == {"stored": 0, "present": 1}


async def test_only_the_owner_imports_and_only_where_something_can_be_stored(history: MemoryHistory) -> None:
    keys = KeyRing([KeyEntry(name="team", sha256=digest("sk-team"), users=("u",))])
    async with client_of(service_state(history=history, keys=keys)) as client:
        assert (await send(client, record(1))).status_code == 401
        headers = {"Authorization": "Bearer sk-team"}
        body = {"db_id": DB, "turns": [record(1)]}
        foreign = await client.post(PATH, params={"user_id": "v"}, json=body, headers=headers)
        assert foreign.status_code == 403
        history.writable = False
        full = await client.post(PATH, params=USER, json=body, headers=headers)
        assert full.status_code == 503
        history.writable = True
        assert (await client.post(PATH, params=USER, json=body, headers=headers)).status_code == 200


async def test_only_so_many_are_read_and_stored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_at_once, "_WAIT_SECONDS", 0.01)
    done = asyncio.Event()

    class SlowHistory(MemoryHistory):
        begun = 0

        async def import_turns(
            self,
            room: Room,
            turns: Sequence[NewTurn],
            state: RoomState | None = None,
            summaries: Sequence[PathSummary] = (),
        ) -> Imported | None:
            self.begun += 1
            await done.wait()
            return await super().import_turns(room, turns, state, summaries)

    history = SlowHistory()
    async with client_of(service_state(history=history)) as client, asyncio.TaskGroup() as group:
        sent = [
            group.create_task(send(client, record(1), db_id=str(uuid4())))
            for _ in range(importing.MOST_AT_ONCE)
        ]
        while history.begun < importing.MOST_AT_ONCE:
            await asyncio.sleep(0)
        refused = await send(client, record(1))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        done.set()
    assert {task.result().status_code for task in sent} == {200}
