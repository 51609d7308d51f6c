"""Conversations of up to 1 MiB under /v1: taken whole, bounded, and parsed beside the event loop."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving

from chatbot.api import few_at_once
from chatbot.api.app import create_app
from chatbot.api.openai import body as reading
from chatbot.domain.messages import Prompted, PromptReport, Token
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

PATH = "/office/v1/chat/completions"
MIB = 1024 * 1024
OFFICE = ServiceName("office")


def conversation(messages: int, text: str = "가") -> list[dict[str, str]]:
    """So many messages, the user's first and last."""
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": f"{number} {text}"} for number in range(messages)]


def padded(size: int) -> bytes:
    """A body of exactly so many bytes."""
    begin, end = b'{"messages": [{"role": "user", "content": "', b'"}]}'
    return begin + b"a" * (size - len(begin) - len(end)) + end


async def post(content: bytes | AsyncIterator[bytes], model: FakeModel | None = None) -> httpx.Response:
    async with (
        serving(create_app(service_state(OFFICE, model))) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        return await client.post(PATH, content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("size", "status"), [(MIB, 200), (MIB + 1, 413)])
async def test_a_body_has_a_mebibyte_and_no_byte_more(size: int, status: int, declared: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        data = padded(size)
        for place in range(0, size, 2**16):
            yield data[place : place + 2**16]

    model = FakeModel()
    answer = await post(padded(size) if declared else pieces(), model)
    assert answer.status_code == status
    if status == 413:
        assert "1024 KiB" in answer.json()["error"]["message"]
    else:
        assert len(model.conversations[0].user_text) > MIB - 100


async def test_ten_thousand_messages_are_read_and_one_more_is_refused() -> None:
    model = FakeModel()
    answers = [
        await post(json.dumps({"messages": conversation(count)}).encode(), model) for count in (9_999, 10_001)
    ]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert len(model.conversations[0].exchanges) == 4_999
    assert answers[1].json()["error"]["param"] == "messages"


async def test_no_body_is_all_structure() -> None:
    answer = await post(b'{"x": [' + b",".join([b"[]"] * 50_000) + b"]}")
    assert answer.status_code == 400
    assert "50000" in answer.json()["error"]["message"].replace(",", "")


@pytest.mark.parametrize("stream", [False, True])
async def test_how_many_turns_were_cut_is_told(stream: bool) -> None:
    report = PromptReport({"history": 5}, kept_turns=(3,), cut_turns=(1, 2))
    body = json.dumps({"messages": conversation(7), "stream": stream}).encode()
    cut = await post(body, FakeModel(Prompted(report), Token("예")))
    whole = await post(body, FakeModel(Prompted(PromptReport({})), Token("예")))
    assert (cut.headers["x-cut-turns"], "x-cut-turns" in whole.headers) == ("2", False)


async def test_what_takes_long_is_done_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, list[str]] = {"parsed": [], "sorted": []}

    def noting(key: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            threads[key].append(threading.current_thread().name)
            return call(*given)

        return noted

    monkeypatch.setattr(reading, "read_asking", noting("parsed", reading.read_asking))
    monkeypatch.setattr("chatbot.api.openai.schema.said", noting("sorted", lambda _: []))
    assert (await post(padded(MIB))).status_code == 200
    assert all(name.startswith("bodies") for names in threads.values() for name in names), threads
    assert (await post(padded(1_000))).status_code == 200
    assert [len(names) for names in threads.values()] == [2, 2]
    assert not any(names[1].startswith("bodies") for names in threads.values()), threads


async def test_few_large_bodies_are_read_at_a_time_and_small_ones_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_MOST_LARGE", 1)
    monkeypatch.setattr(few_at_once, "_WAIT_SECONDS", 0.2)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        data = padded(MIB)
        yield data[:1000]
        begun.set()
        await go_on.wait()
        yield data[1000:]

    async with serving(create_app(service_state(OFFICE))) as url, httpx.AsyncClient(base_url=url) as client:
        json_type = {"Content-Type": "application/json"}
        first = asyncio.create_task(client.post(PATH, content=slow(), headers=json_type))
        await begun.wait()
        second = await client.post(PATH, content=padded(MIB), headers=json_type)
        small = await client.post(PATH, content=padded(1_000), headers=json_type)
        go_on.set()
        assert (second.status_code, small.status_code, (await first).status_code) == (503, 200, 200)
        assert "retry-after" in second.headers
        assert (await client.post(PATH, content=padded(MIB), headers=json_type)).status_code == 200


async def test_other_routes_take_what_they_took() -> None:
    async with client_of(service_state(OFFICE)) as client:
        answer = await client.post("/office/Llama", json={"input_data": "a", "x": "a" * 2**16})
    assert answer.status_code == 413
    assert "64 KiB" in answer.json()["detail"]
