"""A client that does not read what it asked for is let go, and holds neither a place nor the process."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.support.fakes import FakeModel, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.raw_http import get, post, raw_connection
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.history import NewTurn, Room
from chatbot.domain.messages import Token
from chatbot.domain.service_names import ServiceName
from chatbot.server.limits import HttpLimits

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LIMITS = HttpLimits(write_seconds=0.5, patrol_seconds=0.1)
ROOM = Room(ServiceName("office"), "u", UUID(int=1))
QUESTION = b'{"input_data": "x", "user_id": "u", "db_id": "00000000-0000-0000-0000-000000000001"}'
MANY = 3000


def _long_model(*last: float) -> FakeModel:
    return FakeModel(*(Token("가" * 700) for _ in range(MANY)), *last)


async def _until(met: object) -> None:
    """Wait until ``met()`` is true, for five seconds at most."""
    assert callable(met)
    async with asyncio.timeout(5):
        while not met():
            await asyncio.sleep(0.02)


async def test_an_unread_stream_gives_its_place_up() -> None:
    model = _long_model(30.0)
    state = service_state(model=model)
    async with serving(create_app(state), LIMITS) as url, raw_connection(url, unread=True) as client:
        await client.send(post("/office/Llama", QUESTION, "Accept: text/event-stream"))
        await _until(lambda: model.places and model.places[0].released)
        await _until(model.stopped.is_set)
    assert state.chat.statistics.summary()["cancelled_requests"] == 1


async def test_an_unread_stream_that_is_to_be_finished_is_completed_and_stored() -> None:
    model, history = _long_model(), MemoryHistory()
    state = service_state(model=model, history=history)
    async with serving(create_app(state), LIMITS) as url, raw_connection(url, unread=True) as client:
        await client.send(post("/office/Llama", QUESTION, "Accept: text/event-stream", "X-Finish: 1"))
        await _until(lambda: history.turns)
    assert len(history.turns[0].answer) == 700 * MANY
    assert model.places[0].released


def _long_history() -> MemoryHistory:
    history = MemoryHistory()
    when = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(1, MANY + 1):
        history.store.put(NewTurn(UUID(int=n), ROOM, "q", "가" * 700, "m", when))
    return history


@pytest.mark.parametrize(
    "path", ["/office/rooms/export?user_id=u", f"/office/rooms/{ROOM.db_id}?user_id=u&limit=200"]
)
async def test_unread_exports_and_plain_answers_end(path: str) -> None:
    state = service_state(history=_long_history())
    async with serving(create_app(state), LIMITS) as url, raw_connection(url, unread=True) as client:
        await client.send(get(path) * 8)
        await _until(lambda: state.chat.statistics.active_connections)
        await _until(lambda: not state.chat.statistics.active_connections)
        assert b"HTTP/1.1 200" in await client.rest()


async def test_a_slow_reader_gets_all_of_it() -> None:
    """It takes four times the limit, but never lets the limit pass without taking some."""
    state = service_state(history=_long_history())
    async with serving(create_app(state), LIMITS) as url, raw_connection(url, unread=True) as client:
        await client.send(get("/office/rooms/export?user_id=u", "Connection: close"))
        received = 0
        begun = asyncio.get_running_loop().time()
        while data := await client.reader.read(65536):
            received += len(data)
            if asyncio.get_running_loop().time() - begun < 2:
                await asyncio.sleep(0.1)
    assert received > 2100 * MANY


async def test_the_end_does_not_wait_for_a_client_that_does_not_read() -> None:
    state = service_state(history=_long_history())
    async with serving(create_app(state)) as url, raw_connection(url, unread=True) as client:
        await client.send(get("/office/rooms/export?user_id=u"))
        await _until(lambda: state.chat.statistics.active_connections)
        # Leaving the block closes the server, which may wait for five seconds; the write limit is 30.
    assert not state.chat.statistics.active_connections
