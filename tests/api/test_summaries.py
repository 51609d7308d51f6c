"""Summaries over HTTP: told with their room, written anew, taken away, exported and imported."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.core.summary_parts import framed
from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.history import SUMMARY_CHARS, NewTurn, PathSummary, Room
from chatbot.domain.messages import SummaryPart
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

DB = "123e4567-e89b-12d3-a456-426614174000"
ROOM = Room(ServiceName("office"), "u", UUID(DB))
PATH = f"/office/rooms/{DB}"
USER = {"user_id": "u"}
NOW = datetime(2026, 11, 1, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def history() -> MemoryHistory:
    return MemoryHistory()


@pytest.fixture
async def client(history: MemoryHistory, model: FakeModel) -> Any:
    async with client_of(service_state(model=model, history=history)) as client:
        yield client


@pytest.fixture
async def turns(history: MemoryHistory) -> list[UUID]:
    ids = [uuid4() for _ in range(4)]
    for number, id_ in enumerate(ids, start=1):
        await history.remember(NewTurn(id_, ROOM, f"질문 {number}", f"답 {number}", "m", NOW))
    return ids


async def put(history: MemoryHistory, turn: UUID, text: str = "요약", *, minutes: int = 0) -> PathSummary:
    summary = PathSummary(uuid4(), ROOM, turn, text, False, NOW + timedelta(minutes=minutes))
    assert await history.summaries.put(summary)
    return summary


async def told(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    page = (await client.get(PATH, params={**USER, **query})).json()
    found: list[dict[str, Any]] = page["summaries"]
    return found


async def test_a_room_tells_the_summaries_of_its_current_path_in_their_order(
    client: httpx.AsyncClient, history: MemoryHistory, turns: list[UUID]
) -> None:
    assert await told(client) == []
    await put(history, turns[2], "셋까지")
    await put(history, turns[1], "둘까지", minutes=1)
    expected = [
        {"turn": str(turns[1]), "index": 2, "text": "둘까지", "edited": False,
         "created_at": "2026-11-01T12:01:00.123000+00:00"},
        {"turn": str(turns[2]), "index": 3, "text": "셋까지", "edited": False,
         "created_at": "2026-11-01T12:00:00.123000+00:00"},
    ]  # fmt: skip
    assert await told(client) == expected
    assert await told(client, after=3, limit=1) == expected, "on every page"
    branch = NewTurn(uuid4(), ROOM, "다른 둘", "답", "m", NOW, after=turns[0])
    await history.remember(branch)
    assert await told(client) == await told(client, branches=1) == []
    await client.patch(PATH, params=USER, json={"leaf": str(turns[3])})
    assert await told(client) == expected


async def test_one_is_written_anew_and_taken_away(
    client: httpx.AsyncClient, history: MemoryHistory, turns: list[UUID]
) -> None:
    # Written by a clock that is ahead.
    await put(history, turns[1], "낡은 것", minutes=10**7)
    place = f"{PATH}/summaries/{turns[1]}"
    written = await client.put(place, params=USER, json={"text": "  고친 것\n둘째 줄 "})
    assert written.status_code == 200
    body = written.json()
    assert (body["turn"], body["index"], body["text"], body["edited"]) == (
        str(turns[1]), 2, "고친 것\n둘째 줄", True
    )  # fmt: skip
    assert await told(client) == [body]
    assert (await client.put(f"{PATH}/summaries/{turns[0]}", params=USER, json={"text": "새것"})).json()[
        "index"
    ] == 1
    away = await client.delete(place, params=USER)
    assert (away.status_code, away.json()) == (200, {"deleted": 1})
    assert [one["index"] for one in await told(client)] == [1]
    assert "고친 것" not in str(history.summaries.stored)
    again = await client.delete(place, params=USER)
    assert (again.status_code, again.json()["detail"]) == (404, "그 차례까지의 요약이 없습니다.")
    english = await client.delete(place, params=USER, headers={"Accept-Language": "en"})
    assert english.json()["detail"] == "There is no summary up to this turn."


@pytest.mark.parametrize("text", ["", "  \n", "가" * (SUMMARY_CHARS + 1), "a\x00b", 3, None, ["x"]])
async def test_a_text_that_breaks_its_rule_is_refused(
    client: httpx.AsyncClient, turns: list[UUID], text: object
) -> None:
    refused = await client.put(f"{PATH}/summaries/{turns[0]}", params=USER, json={"text": text})
    assert refused.status_code == 422
    longest = await client.put(
        f"{PATH}/summaries/{turns[0]}", params=USER, json={"text": "가" * SUMMARY_CHARS}
    )
    assert longest.status_code == 200


async def test_what_is_not_there_or_anothers_is_the_same_404(
    client: httpx.AsyncClient, history: MemoryHistory, turns: list[UUID]
) -> None:
    await put(history, turns[0])
    places = [
        (f"{PATH}/summaries/{uuid4()}", USER),
        (f"/office/rooms/{uuid4()}/summaries/{turns[0]}", USER),
        (f"{PATH}/summaries/{turns[0]}", {"user_id": "other"}),
    ]
    for place, user in places:
        assert (await client.put(place, params=user, json={"text": "x"})).status_code == 404
        assert (await client.delete(place, params=user)).status_code == 404
    assert [one["text"] for one in await told(client)] == ["요약"]


async def test_the_key_must_own_the_user(history: MemoryHistory, turns: list[UUID]) -> None:
    keys = KeyRing([KeyEntry(name="front", sha256=digest("cb_key"), users=("other",))])
    async with client_of(service_state(history=history, keys=keys)) as client:
        place = f"{PATH}/summaries/{turns[0]}"
        assert (await client.put(place, params=USER, json={"text": "x"})).status_code == 401
        headers = {"Authorization": "Bearer cb_key"}
        assert (await client.put(place, params=USER, json={"text": "x"}, headers=headers)).status_code == 403
        assert (await client.delete(place, params=USER, headers=headers)).status_code == 403


async def test_a_question_brings_the_summaries_of_its_path_to_the_model(
    client: httpx.AsyncClient, history: MemoryHistory, model: FakeModel, turns: list[UUID]
) -> None:
    await put(history, turns[1], "둘까지")
    await put(history, turns[2], "", minutes=1)
    body = {"input_data": "다음", "user_id": "u", "db_id": DB}
    assert (await client.post("/office/Llama", json=body)).status_code == 200
    assert model.conversations[-1].summaries == (SummaryPart(2, "둘까지"),)
    assert model.conversations[-1].summary_before(()) == SummaryPart(2, framed("둘까지", "ko"))
    await client.post("/office/Llama", json={**body, "after": str(turns[0])})
    assert not model.conversations[-1].summaries, "it is not of this path"


async def test_an_export_has_them_and_an_import_takes_them(
    client: httpx.AsyncClient, history: MemoryHistory, turns: list[UUID]
) -> None:
    await put(history, turns[1], "둘까지")
    exported = (await client.get("/office/rooms/export", params=USER)).json()
    (room,) = exported["rooms"]
    assert [turn.get("summary", {}).get("text") for turn in room["turns"]] == [None, "둘까지", None, None]
    before = await told(client)
    assert (await client.delete(PATH, params=USER)).json() == {"deleted": 4}
    assert await history.summaries.of_room(ROOM) == []
    sent = await client.post("/office/rooms/import", params=USER, json=room)
    assert sent.json() == {"stored": 4, "present": 0}
    assert await told(client) == before
    broken = {**room, "turns": [{**room["turns"][0], "summary": {"text": "x"}}]}
    assert (await client.post("/office/rooms/import", params=USER, json=broken)).status_code == 422


async def test_one_of_a_clock_that_is_ahead_can_be_changed_and_taken_away(
    client: httpx.AsyncClient, turns: list[UUID]
) -> None:
    (room,) = (await client.get("/office/rooms/export", params=USER)).json()["rooms"]
    late = {"id": str(uuid4()), "text": "x", "edited": False, "created_at": "9999-12-31T23:59:59.999Z"}
    body = {**room, "turns": [{**room["turns"][1], "summary": late}]}
    assert (await client.post("/office/rooms/import", params=USER, json=body)).status_code == 200
    path = f"{PATH}/summaries/{turns[1]}"
    assert (await client.put(path, params=USER, json={"text": "y"})).status_code == 200
    assert [one["text"] for one in await told(client)] == ["y"]
    assert (await client.delete(path, params=USER)).json() == {"deleted": 1}
