"""A stream that was cut off goes on exactly where it was, for its user alone, within bounds."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.serving import serving

from chatbot.api import kept_streams
from chatbot.api.app import create_app
from chatbot.api.kept_streams import KeptStreams
from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.errors import ModelFailed
from chatbot.domain.history import Room
from chatbot.domain.messages import Token, Waiting
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

ASKED = {"input_data": "안녕", "user_id": "u"}
FINISHING = {"Accept": "text/event-stream", "X-Finish": "1"}
USER = {"user_id": "u"}
ROOM = Room(ServiceName("office"), "u", UUID(int=1))


@asynccontextmanager
async def client(model: FakeModel, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(create_app(service_state(model=model, **more))) as url,
        httpx.AsyncClient(base_url=url, timeout=10) as opened,
    ):
        yield opened


def events_of(text: str) -> list[tuple[int, str, str]]:
    """Id, name and data of each event."""
    found = re.findall(r"id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n", text)
    assert len(found) == text.count("event: "), "every event has an id"
    return [(int(number), name, data) for number, name, data in found]


async def rest(opened: httpx.AsyncClient, answer_id: str, last: int | str, **more: Any) -> httpx.Response:
    headers = {"Last-Event-ID": str(last)}
    return await opened.get(f"/office/answers/{answer_id}", params=USER, headers=headers, **more)


async def test_a_stream_names_its_answer_first_and_counts_its_events() -> None:
    async with client(FakeModel(Waiting(1, 2.0), Token("안"), Token("녕"))) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
    events = events_of(answer.text)
    assert [name for _, name, _ in events] == ["answer", "queue", "token", "token", "done"]
    assert [number for number, _, _ in events] == [1, 2, 3, 4, 5]
    answer_id = answer.headers["x-answer-id"]
    assert re.fullmatch("[0-9a-f]{32}", answer_id)
    assert events[0][2] == f'{{"id":"{answer_id}"}}'


async def test_after_any_event_exactly_the_others_follow_as_often_as_they_are_asked_for() -> None:
    async with client(FakeModel(*(Token(word) for word in "가나다라마"))) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        events = events_of(answer.text)
        for last in range(len(events) + 1):
            again = await rest(opened, answer.headers["x-answer-id"], last)
            assert events_of(again.text) == events[last:]
            assert again.headers["content-type"].startswith("text/event-stream")
        whole = await opened.get(f"/office/answers/{answer.headers['x-answer-id']}", params=USER)
    assert events_of(whole.text) == events


async def test_who_is_cut_off_goes_on_while_the_answer_runs_and_loses_and_doubles_nothing() -> None:
    words = [f"낱말{number} " for number in range(40)]
    script: list[Any] = [each for word in words for each in (Token(word), 0.02)]
    history = MemoryHistory()
    async with client(FakeModel(*script), history=history) as opened:
        seen = ""
        async with opened.stream("POST", "/office/Llama", json=ASKED, headers=FINISHING) as answer:
            answer_id = answer.headers["x-answer-id"]
            async for text in answer.aiter_text():
                seen += text
                if "낱말3 " in seen:
                    break
        while '"history"' not in seen:
            last = events_of(seen)[-1][0]
            headers = {"Last-Event-ID": str(last)}
            path = f"/office/answers/{answer_id}"
            async with opened.stream("GET", path, params=USER, headers=headers) as going_on:
                assert going_on.status_code == 200
                async for text in going_on.aiter_text():
                    seen += text
                    if len(events_of(seen)) > last + 7:
                        break
    events = events_of(seen)
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    told = "".join(re.findall(r'"text":"(.*?)"', seen))
    assert told == "".join(words)
    assert [turn.answer for turn in history.turns] == [told]


async def test_a_failure_is_kept_too() -> None:
    async with client(FakeModel(Token("안"), ModelFailed("x"))) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        again = await rest(opened, answer.headers["x-answer-id"], 2)
    assert [name for _, name, _ in events_of(again.text)] == ["error"]


async def test_an_answer_is_its_user_s_alone() -> None:
    async with client(FakeModel()) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        path = f"/office/answers/{answer.headers['x-answer-id']}"
        assert (await opened.get(path, params={"user_id": "v"})).status_code == 404
        assert (await opened.get(path)).status_code == 422
        assert (await opened.get(path + "?user_id=u&user_id=u")).status_code == 422
        assert (await opened.get("/office/answers/" + "0" * 32, params=USER)).status_code == 404
        assert (await opened.post(path, params=USER)).status_code == 405


async def test_its_key_is_asked_for() -> None:
    ring = KeyRing(
        [
            KeyEntry(name="mine", sha256=digest("mine"), users=("u",)),
            KeyEntry(name="other", sha256=digest("other"), users=("v",)),
        ]
    )
    async with client(FakeModel(), keys=ring) as opened:
        mine, other = ({"Authorization": f"Bearer {key}"} for key in ("mine", "other"))
        answer = await opened.post("/office/Llama", json=ASKED, headers={**FINISHING, **mine})
        path = f"/office/answers/{answer.headers['x-answer-id']}"
        codes = [
            (await opened.get(path, params=USER, headers=headers)).status_code
            for headers in ({}, other, mine)
        ]
    assert codes == [401, 403, 200]


@pytest.mark.parametrize("last", ["x", "-1", "1.0", "²", "9" * 400, "99", ""])
async def test_what_is_the_id_of_no_event_is_refused(last: str) -> None:
    async with client_of(service_state()) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        headers = [(b"last-event-id", last.encode())]
        path = f"/office/answers/{answer.headers['x-answer-id']}"
        refused = await opened.get(path, params=USER, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["header", "Last-Event-ID"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"input_data": "안녕"}, FINISHING),
        (ASKED, {"Accept": "text/event-stream"}),
        (ASKED, {"X-Finish": "1"}),
    ],
)
async def test_other_answers_cannot_be_gone_on_with(body: dict[str, str], headers: dict[str, str]) -> None:
    async with client(FakeModel()) as opened:
        answer = await opened.post("/office/Llama", json=body, headers=headers)
    assert answer.status_code == 200
    assert "x-answer-id" not in answer.headers
    assert "event: answer" not in answer.text


async def test_an_answer_is_forgotten_some_time_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_streams, "KEPT_SECONDS", 0.3)
    async with client(FakeModel(Token("안"), 0.6, Token("녕"))) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        answer_id = answer.headers["x-answer-id"]
        assert (await rest(opened, answer_id, 0)).status_code == 200, "its time begins at its end"
        await asyncio.sleep(0.4)
        assert (await rest(opened, answer_id, 0)).status_code == 404


@pytest.mark.parametrize("path", ["rooms", "rooms/{db_id}", "rooms/{db_id}/turns/{turn_id}"])
async def test_what_is_deleted_cannot_be_gone_on_with(path: str) -> None:
    async with client(FakeModel()) as opened:
        answer = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        other = await opened.post("/office/Llama", json=ASKED, headers=FINISHING)
        room = answer.headers["x-db-id"]
        turn = re.findall('"turn_id":"(.*?)"', answer.text)[0]
        deleted = path.format(db_id=room, turn_id=turn)
        assert (await opened.delete(f"/office/{deleted}", params=USER)).status_code == 200
        assert (await rest(opened, answer.headers["x-answer-id"], 0)).status_code == 404
        kept = (await rest(opened, other.headers["x-answer-id"], 0)).status_code == 200
    assert kept == (path != "rooms"), "another room's is kept"


def numbers() -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield b"event: token\ndata: %d\n\n" % number


async def test_memory_is_bounded_and_those_that_ended_go_first() -> None:
    streams = KeptStreams(most_bytes=10_000)
    events = numbers()

    def filled(ended: bool) -> str:
        stream = streams.open(ROOM)
        for _ in range(20):
            stream.add(next(events))
        if ended:
            stream.end()
            streams.ended(stream)
        return stream.id

    running = filled(ended=False)
    ended = [filled(ended=True) for _ in range(50)]
    kept = [id_ for id_ in ended if streams.find(id_, "u")]
    assert kept
    assert kept == ended[-len(kept) :]
    assert sum(found.size for id_ in kept if (found := streams.find(id_, "u"))) <= 10_000
    assert streams.find(running, "u"), "it runs"


async def test_one_that_runs_and_is_forgotten_goes_on_for_who_follows_it() -> None:
    streams = KeptStreams(most_bytes=1_000)
    first = streams.open(ROOM)
    following = first.behind(0)
    reading = asyncio.create_task(anext(following))
    for event in numbers():
        first.add(event)
        if first.size > 1_000:
            break
    streams.open(ROOM)
    assert streams.find(first.id, "u") is None
    assert await reading == first.events[0]
    first.end()
    streams.ended(first)
    assert [event async for event in following] == first.events[1:]
