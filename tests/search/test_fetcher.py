"""The guards around every provider, against a local server that misbehaves."""

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator

import pytest
from tests.search.local_server import Handler, LocalServer, Request, Response, json_response, running

from chatbot.adapters.search.fetcher import Fetcher
from chatbot.adapters.search.provider import ProviderFailed
from chatbot.domain.search import SearchOutcome

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher("chatbot-suite/test (canary contact)", timeout=20, max_bytes=20_000)
    yield made
    await made.close()


def always(response: Response) -> Handler:
    return lambda _: response


async def failure_of(fetcher: Fetcher, handler: Handler) -> tuple[ProviderFailed, LocalServer]:
    async with running(handler) as server:
        with pytest.raises(ProviderFailed) as caught:
            await fetcher.ask("GET", f"{server.address}/x", params={"q": "canary question"})
    return caught.value, server


CAPTCHA = b"<html><body><h1>Are you a robot?</h1><div class='g-recaptcha'></div></body></html>"
KOREAN_CAPTCHA = "<html>비정상적인 접근이 감지되어 보안문자를 입력해 주세요</html>".encode()


@pytest.mark.parametrize("status", [200, 403, 429, 503])
@pytest.mark.parametrize("page", [CAPTCHA, KOREAN_CAPTCHA])
async def test_a_captcha_page_is_blocked_whatever_its_status(
    fetcher: Fetcher, status: int, page: bytes
) -> None:
    failure, _ = await failure_of(fetcher, lambda _: Response(page, status, content_type="text/html"))
    assert failure.outcome is SearchOutcome.BLOCKED


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html><body>Welcome</body></html>", "text/html"),
        (b"{'results': [", "application/json"),
        (b"\x00\xff\xfe garbage", "application/json"),
        (b"[1, 2]", "application/json"),
        (b"", "application/json"),
        (b"[" * 15_000, "application/json"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "application/json"),
    ],
)
async def test_what_is_no_json_object_is_an_error(fetcher: Fetcher, body: bytes, content_type: str) -> None:
    failure, _ = await failure_of(fetcher, lambda _: Response(body, content_type=content_type))
    assert failure.outcome is SearchOutcome.ERROR


async def test_retry_after_is_read_as_seconds_and_as_a_date(fetcher: Fetcher) -> None:
    html = Response(b"slow down", 429, {"retry-after": "42"}, "text/html")
    failure, _ = await failure_of(fetcher, lambda _: html)
    assert (failure.outcome, failure.retry_after) == (SearchOutcome.RATE_LIMITED, 42)
    past = Response(b"", 429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "text/html")
    assert (await failure_of(fetcher, lambda _: past))[0].retry_after == 0
    odd = Response(b"", 429, {"retry-after": "soon"}, "text/html")
    assert (await failure_of(fetcher, lambda _: odd))[0].retry_after is None


async def test_a_redirect_is_not_followed(fetcher: Fetcher) -> None:
    async with running(lambda _: json_response({"secret": "of the private network"})) as private:
        for status in (301, 302, 307, 308):
            target = {"location": f"{private.address}/admin"}
            failure, _ = await failure_of(fetcher, always(Response(b'{"items": []}', status, target)))
            assert failure.outcome is SearchOutcome.ERROR
            assert "redirect refused" in str(failure)
        assert private.requests == []


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"a" * 4096


async def test_a_huge_answer_is_cut_off_and_its_connection_closed(fetcher: Fetcher) -> None:
    async with running(lambda _: Response(chunks=_endless())) as server:
        with pytest.raises(ProviderFailed, match="too large"):
            await fetcher.ask("GET", server.address)
        await asyncio.wait_for(server.client_left.wait(), 5)


async def test_compressed_answers_are_read_and_bombs_are_not(fetcher: Fetcher) -> None:
    fine = Response(gzip.compress(json.dumps({"ok": "예"}).encode()), headers={"content-encoding": "gzip"})
    async with running(lambda _: fine) as server:
        assert (await fetcher.ask("GET", server.address)).body == {"ok": "예"}
    bomb = Response(gzip.compress(b"a" * 10_000_000), headers={"content-encoding": "gzip"})
    assert len(bomb.body) < 20_000
    assert "too large" in str((await failure_of(fetcher, lambda _: bomb))[0])
    for broken in (
        Response(b"no gzip", headers={"content-encoding": "gzip"}),
        Response(zlib.compress(b"{}"), headers={"content-encoding": "br"}),
    ):
        failure, _ = await failure_of(fetcher, always(broken))
        assert failure.outcome is SearchOutcome.ERROR


async def _dripping() -> AsyncIterator[bytes]:
    yield b'{"a": "'
    while True:
        await asyncio.sleep(0.05)
        yield b"a"


@pytest.mark.parametrize("drips", [False, True])
async def test_a_slow_answer_is_a_timeout_even_if_it_drips(drips: bool) -> None:
    fetcher = Fetcher("test", timeout=0.5)

    def slow(_: Request) -> Response:
        return Response(chunks=_dripping()) if drips else Response(delay=30)

    begun = asyncio.get_running_loop().time()
    async with running(slow) as server:
        with pytest.raises(ProviderFailed) as caught:
            await fetcher.ask("GET", server.address)
        assert caught.value.outcome is SearchOutcome.TIMEOUT
        assert asyncio.get_running_loop().time() - begun < 5
        await asyncio.wait_for(server.client_left.wait(), 5)
    await fetcher.close()


async def test_no_connection_is_an_error(fetcher: Fetcher) -> None:
    async with running(lambda _: json_response({})) as server:
        address = server.address
    with pytest.raises(ProviderFailed) as caught:
        await fetcher.ask("GET", address)
    assert caught.value.outcome is SearchOutcome.ERROR


async def test_neither_cookies_nor_the_question_stay_anywhere(
    fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(lambda _: json_response({}, set_cookie="track=1; Path=/")) as server:
        for _ in range(2):
            await fetcher.ask("GET", server.address, params={"q": "canary question"})
    assert "cookie" not in server.requests[1].headers
    assert server.requests[1].headers["user-agent"] == "chatbot-suite/test (canary contact)"
    assert "canary" not in caplog.text
