"""Clients that are slow on purpose are let go, and cost the others nothing."""

import asyncio
from urllib.parse import urlsplit

import httpx
import pytest
from tests.support.fakes import service_state
from tests.support.serving import serving

from chatbot.api.app import create_app

pytestmark = pytest.mark.anyio

HEAD = b"POST /office/Llama HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [(b"", b""), (b"POST /office/Llama HT", b""), (HEAD, b""), (HEAD + b"\r\n{", b"408")],
)
async def test_a_request_that_never_arrives_is_given_up(
    sent: bytes, answered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.server.slow_clients.HEAD_SECONDS", 0.4)
    monkeypatch.setattr("chatbot.api.body._READ_SECONDS", 0.4)
    async with serving(create_app(service_state())) as url:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(sent)
        async with httpx.AsyncClient(base_url=url) as client:
            meanwhile = await client.post("/office/Llama", json={"input_data": "안녕"})
        said = await asyncio.wait_for(reader.read(), 3.0)
        writer.close()
    assert meanwhile.status_code == 200
    assert answered in said


async def test_a_quick_client_keeps_its_connection_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.server.slow_clients.HEAD_SECONDS", 0.3)
    async with (
        serving(create_app(service_state())) as url,
        httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=1)) as client,
    ):
        for _ in range(3):
            assert (await client.get("/office/performance")).status_code == 200
            await asyncio.sleep(0.2)
