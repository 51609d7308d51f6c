"""Clients that are slow, endless or no HTTP at all are let go, and cost the others nothing."""

import asyncio
import json
from urllib.parse import urlsplit

import httpx
import pytest
from tests.support.fakes import service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.server.limits import HttpLimits

pytestmark = pytest.mark.anyio

QUICK = HttpLimits(head_seconds=0.4, patrol_seconds=0.05)
HEAD = b"POST /office/Llama HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [(b"", b""), (b"POST /office/Llama HT", b""), (HEAD, b""), (HEAD + b"\r\n{", b"408")],
)
async def test_a_request_that_never_arrives_is_given_up(
    sent: bytes, answered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.api.body._READ_SECONDS", 0.4)
    async with serving(create_app(service_state()), QUICK) as url:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(sent)
        async with httpx.AsyncClient(base_url=url) as client:
            meanwhile = await client.post("/office/Llama", json={"input_data": "안녕"})
        said = await asyncio.wait_for(reader.read(), 3.0)
        writer.close()
    assert meanwhile.status_code == 200
    assert answered in said


async def _said(url: str, *sent: bytes) -> bytes:
    """All that the server says to these bytes until it closes the connection."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        for piece in sent:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 10.0)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\r\n\r\n",
        b"BREW /office/Llama HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD.replace(b"500", b"-5") + b"\r\n{}",
        HEAD.replace(b"500", b"9" * 5000) + b"\r\n{}",
        HEAD + b"Content-Length: 501\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_told_so_as_json(sent: bytes) -> None:
    async with serving(create_app(service_state())) as url:
        head, _, body = (await _said(url, sent)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert json.loads(body) == {"detail": "올바른 HTTP 요청이 아닙니다."}


async def test_a_broken_chunk_is_told_in_the_client_s_language() -> None:
    head = HEAD.replace(b"Content-Length: 500", b"Accept-Language: en\r\nTransfer-Encoding: chunked")
    async with serving(create_app(service_state())) as url:
        said = await _said(url, head + b"\r\nZZ\r\n")
    assert b'{"detail": "This is no valid HTTP request."}' in said


async def test_a_head_without_end_is_refused_before_it_is_kept() -> None:
    async with serving(create_app(service_state())) as url:
        begun = b"GET /office/performance HTTP/1.1\r\nHost: x\r\nX: "
        said = await _said(url, begun, *[b"a" * 16384] * 6)
        many = await _said(url, begun + b"a\r\n", *[b"b: c\r\n" * 4096] * 6)
        target = await _said(url, b"GET /office/" + b"a" * 70_000)
        fits = await _said(url, begun + b"a" * 30_000 + b"\r\nConnection: close\r\n\r\n")
    for answer in (said, many, target):
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert b"\r\n\r\n" in said + many + target
    assert fits.startswith(b"HTTP/1.1 200 ")


async def test_a_trailer_without_end_closes_the_connection_and_reaches_nobody() -> None:
    head = HEAD.replace(b"Content-Length: 500", b"Transfer-Encoding: chunked") + b"\r\n"
    async with serving(create_app(service_state())) as url:
        closed = await _said(url, head + b"2\r\n{}\r\n0\r\nX: ", *[b"a" * 65536] * 40)
        short = await _said(url, head + b"2\r\n{}\r\n0\r\nConnection: close\r\n\r\n" + b"\x00\r\n\r\n")
    assert closed == b"" or closed.startswith(b"HTTP/1.1 431 ")
    assert short.startswith(b"HTTP/1.1 422 ")


async def test_a_quick_client_keeps_its_connection_past_the_limit() -> None:
    async with (
        serving(create_app(service_state()), QUICK) as url,
        httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=1)) as client,
    ):
        for _ in range(3):
            assert (await client.get("/office/performance")).status_code == 200
            await asyncio.sleep(0.3)
