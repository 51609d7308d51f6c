"""More connections than a listener takes: idle ones go first, probes always pass, and one line says it."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.support.fakes import FakeModel, service_state
from tests.support.raw_http import get, post, raw_connection
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.messages import Token
from chatbot.server.limits import HttpLimits

pytestmark = pytest.mark.anyio

LIMITS = HttpLimits(connections=8, reserved=2)
QUESTION = b'{"input_data": "x"}'


async def test_the_longest_idle_connections_make_room_for_newcomers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(create_app(service_state()), LIMITS))
        clients = [await stack.enter_async_context(raw_connection(url)) for _ in range(40)]
        for client in clients[:32]:
            assert await client.rest(1.0) == b""
        for client in clients[32:]:
            await client.send(get("/office/performance"))
            assert (await client.answer()).startswith(b"HTTP/1.1 200")
    assert [record.getMessage() for record in caplog.records] == ["connections_at_limit"]


async def test_probes_pass_while_users_have_all_they_may_have() -> None:
    model = FakeModel(20.0, Token("늦음"))
    state = service_state(model=model)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(create_app(state), LIMITS))
        for number in range(LIMITS.requests):
            user = await stack.enter_async_context(raw_connection(url))
            await user.send(post("/office/Llama", QUESTION))
            while len(model.conversations) <= number:
                await asyncio.sleep(0.01)
        idle = [await stack.enter_async_context(raw_connection(url)) for _ in range(10)]
        for path, status in (("/office/performance", b"503"), ("/healthz", b"200"), ("/readyz", b"200")):
            async with raw_connection(url) as client:
                await client.send(get(path))
                answer = await client.answer()
                assert answer.split(b" ", 2)[1] == status
                assert (b"retry-after: " in answer) == (status == b"503")
        assert await idle[0].rest(1.0) == b""
        assert state.chat.statistics.active == LIMITS.requests


async def test_a_connection_that_is_used_again_is_no_longer_the_longest_idle() -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(create_app(service_state()), LIMITS))
        first, second = [await stack.enter_async_context(raw_connection(url)) for _ in range(2)]
        await first.send(get("/office/performance"))
        await first.answer()
        for _ in range(LIMITS.connections - 1):
            await stack.enter_async_context(raw_connection(url))
        assert await second.rest(1.0) == b""
        await first.send(get("/office/performance"))
        assert (await first.answer()).startswith(b"HTTP/1.1 200")
