"""Requests sent ahead are answered in turn, bounded, and never hide that their client has left."""

import asyncio

import pytest
from tests.support.fakes import FakeModel, service_state
from tests.support.raw_http import get, post, raw_connection
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.messages import Token, Waiting
from chatbot.server.limits import HttpLimits

pytestmark = pytest.mark.anyio

QUESTION = b'{"input_data": "x"}'
SCRIPTS = {"queued": (Waiting(3, 9.0), 30.0), "silent": (30.0,), "speaking": (Token("가"), 30.0)}
AHEAD = {
    "a request": get("/office/performance"),
    "half a request": b"GET /off",
    "no request": b"\x00\r\n" * 9,
}


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("stage", SCRIPTS)
async def test_leaving_behind_bytes_sent_ahead_frees_the_place(stage: str, accept: str, ahead: str) -> None:
    model = FakeModel(*SCRIPTS[stage])
    state = service_state(model=model)
    async with serving(create_app(state)) as url:
        async with raw_connection(url) as client:
            await client.send(post("/office/Llama", QUESTION, f"Accept: {accept}"), AHEAD[ahead])
            while not model.conversations:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            client.writer.close()
            await asyncio.wait_for(model.stopped.wait(), 1.0)
        await asyncio.wait_for(state.chat.statistics.until_idle(), 1.0)
    assert model.places[0].released


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    model = FakeModel(0.2, Token("먼저"))
    async with serving(create_app(service_state(model=model))) as url, raw_connection(url) as client:
        await client.send(post("/office/Llama", QUESTION) + get("/office/performance") + get("/nowhere"))
        answers = [await client.answer() for _ in range(3)]
    assert [answer.split(b" ", 2)[1] for answer in answers] == [b"200", b"200", b"404"]
    assert "먼저".encode() in answers[0]


async def test_what_is_no_request_is_refused_after_the_answer_before_it() -> None:
    model = FakeModel(Token("끝"), 0.2, Token("까지"))
    async with serving(create_app(service_state(model=model))) as url, raw_connection(url) as client:
        await client.send(post("/office/Llama", QUESTION, "Accept: text/event-stream"), b"\x00\r\n\r\n")
        stream, _, refusal = (await client.rest()).partition(b"0\r\n\r\n")
    assert b"event: done" in stream
    assert refusal.startswith(b"HTTP/1.1 400 ")


def test_what_all_clients_may_send_ahead_fits_in_memory() -> None:
    limits = HttpLimits()
    assert limits.early_bytes * limits.requests <= 128 * 2**20


@pytest.mark.parametrize(
    "ahead",
    [get("/office/performance") * 4000, post("/office/Llama", b" " * 60_000) * 40],
    ids=["many", "large"],
)
async def test_who_sends_too_much_ahead_gets_some_answers_and_then_the_end(ahead: bytes) -> None:
    limits = HttpLimits(early_bytes=100_000)
    model = FakeModel(0.3, Token("가"))
    async with serving(create_app(service_state(model=model)), limits) as url, raw_connection(url) as client:
        await client.send(post("/office/Llama", QUESTION))
        while not model.conversations:
            await asyncio.sleep(0.01)
        for start in range(0, len(ahead), 50_000):
            await client.send(ahead[start : start + 50_000])
        received = await client.rest()
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert 1 <= received.count(b"HTTP/1.1 ") < 40
