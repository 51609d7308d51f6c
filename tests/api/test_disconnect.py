"""A client that leaves stops its generation within a second and frees its place, whatever stage it is in."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from tests.support.fakes import FakeModel, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.serving import serving
from tests.support.talkative import Talk

from chatbot.api.app import create_app
from chatbot.api.state import ServiceState
from chatbot.domain.messages import FinishReason, GenerationEvent, Token, Waiting

pytestmark = pytest.mark.anyio

STREAM = {"Accept": "text/event-stream"}
ANSWERS: Mapping[str, tuple[GenerationEvent | float | Exception, ...]] = {
    "queued": (Waiting(3, 9.0), 30.0, Token("늦음")),
    "silent": (30.0, Token("늦음")),
    "speaking": (Token("안"), 0.05, Token("녕"), 30.0, Token("늦음")),
}


async def _leave_during(url: str, model: FakeModel, headers: Mapping[str, str]) -> None:
    """Ask, and close the connection when the model has been at it for a moment."""
    async with httpx.AsyncClient(base_url=url) as client:
        body = {"input_data": "안녕", "user_id": "u"}
        asking = asyncio.create_task(client.post("/office/Llama", json=body, headers=dict(headers)))
        while not model.conversations:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def _numbers(state: ServiceState) -> tuple[float, float]:
    summary = state.chat.statistics.summary()
    return summary["cancelled_requests"], summary["active_requests"]


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["plain", "stream"])
@pytest.mark.parametrize("stage", ANSWERS)
async def test_leaving_stops_the_generation_and_frees_the_place(
    stage: str, headers: Mapping[str, str]
) -> None:
    model, history = FakeModel(*ANSWERS[stage]), MemoryHistory()
    state = service_state(model=model, history=history)
    async with serving(create_app(state)) as url:
        await _leave_during(url, model, headers)
        await asyncio.wait_for(model.stopped.wait(), 1.0)
        await asyncio.wait_for(state.chat.statistics.until_idle(), 1.0)
    assert await _numbers(state) == (1, 0)
    assert model.places[0].released
    assert history.turns == []


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["plain", "stream"])
async def test_an_answer_to_be_finished_is_completed_and_stored_without_its_client(
    headers: Mapping[str, str],
) -> None:
    model, history = FakeModel(Token("끝"), 0.6, Token("까지")), MemoryHistory()
    state = service_state(model=model, history=history)
    async with serving(create_app(state)) as url:
        await _leave_during(url, model, {**headers, "X-Finish": "1"})
        await asyncio.wait_for(state.chat.statistics.until_idle(), 3.0)
    assert [turn.answer for turn in history.turns] == ["끝까지"]
    assert state.chat.statistics.summary()["successful_requests"] == 1
    assert not state.unattended


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["plain", "stream"])
async def test_what_was_written_for_a_client_that_left_is_kept_if_it_asked_for_that(
    headers: Mapping[str, str],
) -> None:
    model, history = FakeModel(Token("여기"), Token("까지"), 30.0, Token("끝")), MemoryHistory()
    state = service_state(model=model, history=history)
    async with serving(create_app(state)) as url:
        await _leave_during(url, model, {**headers, "X-Keep": "partial"})
        await asyncio.wait_for(model.stopped.wait(), 1.0)
        await asyncio.wait_for(state.chat.drain(), 1.0)
    assert await _numbers(state) == (1, 0)
    assert [(turn.answer, turn.reason) for turn in history.turns] == [("여기까지", FinishReason.STOPPED)]


async def test_a_quiet_stream_is_kept_awake_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.api.streams.HEARTBEAT_SECONDS", 0.2)
    state = service_state(model=FakeModel(Token("안"), 0.7, Token("녕")))
    async with serving(create_app(state)) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/office/Llama", json={"input_data": "안녕"}, headers=STREAM)
    assert 2 <= answer.text.count(": keep-alive\n\n") <= 4
    assert answer.text.index("안") < answer.text.index(": keep-alive") < answer.text.index("녕")


async def test_tokens_are_sent_when_they_are_made() -> None:
    read, received = asyncio.Event(), ""

    async def until_read() -> None:
        await read.wait()

    state = service_state(model=FakeModel(Token("먼저"), until_read, Token("나중")))
    async with (
        serving(create_app(state)) as url,
        httpx.AsyncClient(base_url=url) as client,
        asyncio.timeout(30),
        client.stream("POST", "/office/Llama", json={"input_data": "안녕"}, headers=STREAM) as answer,
    ):
        # The second is not made before the first is here.
        async for text in answer.aiter_text():
            received += text
            if "먼저" in received:
                read.set()
    assert "나중" in received


async def test_leaving_in_the_middle_of_the_body_is_no_defect(
    talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    talk("json")
    state = service_state()
    async with serving(create_app(state)) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        head = (
            "POST /office/Llama HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100"
        )
        writer.write(f"{head}\r\n\r\n{{".encode())
        await writer.drain()
        while not state.chat.statistics.active_connections:
            await asyncio.sleep(0.01)
        writer.close()
        while state.chat.statistics.active_connections:
            await asyncio.sleep(0.01)
    text = capsys.readouterr().out
    assert '"status": 499' in text
    assert "Traceback" not in text
