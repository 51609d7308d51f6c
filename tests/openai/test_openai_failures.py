"""Upstream failures by class: what the client is told, what is tried again, and what never leaks."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

import openai
import pytest
from pydantic import SecretStr
from tests.openai.upstream import (
    CONVERSATION,
    KEY,
    answer,
    chunk,
    completing,
    config_for,
    error,
    events,
    final,
    first_token,
    generated,
    in_turn,
    opened,
    request,
    stream,
    text_of,
)
from tests.search.local_server import Response, running

from chatbot.domain.config import OpenAIAlias, OpenAIConfig
from chatbot.domain.errors import (
    ChatbotError,
    DeadlineExceeded,
    Draining,
    NotConfigured,
    Overloaded,
    UpstreamFailed,
)
from chatbot.domain.messages import Sampling, Token
from chatbot.domain.models import ModelState
from chatbot.domain.service_names import ServiceName
from chatbot.llm.openai import trouble
from chatbot.llm.openai.trouble import UpstreamTrouble, pause_before

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other quickly here."""
    monkeypatch.setattr(trouble, "_FIRST_PAUSE", 0.01)


async def failure_with(maker: Callable[[], Response], seconds: float = 20.0) -> tuple[ChatbotError, int]:
    """The failure of one question, and how often upstream was asked."""
    async with running(lambda _: maker()) as server, opened(config_for(server)) as models:
        with pytest.raises(ChatbotError) as caught:
            await generated(models["gpt"], seconds=seconds)
        assert models["gpt"].queue_size(ServiceName("office")) == 0
    return caught.value, len(server.requests)


MAPPED: list[tuple[Callable[[], Response], type[ChatbotError], int]] = [
    (lambda: error(401, "invalid_api_key"), UpstreamFailed, 1),
    (lambda: error(403, None), UpstreamFailed, 1),
    (lambda: error(400, "context_length_exceeded"), UpstreamFailed, 1),
    (lambda: error(404, "model_not_found"), UpstreamFailed, 1),
    (lambda: error(409, None), UpstreamFailed, 3),
    (lambda: error(500, "server_error"), UpstreamFailed, 3),
    (lambda: error(503, None), UpstreamFailed, 3),
    (lambda: error(529, None), UpstreamFailed, 3),
    (lambda: error(429, "insufficient_quota"), Overloaded, 1),
    (lambda: error(429, "rate_limit_exceeded", retry_after="60"), Overloaded, 1),
    (lambda: error(429, "rate_limit_exceeded"), Overloaded, 3),
    (lambda: Response(b"<html>Bad gateway</html>", 502, content_type="text/html"), UpstreamFailed, 3),
    (lambda: Response(b"<html>Welcome</html>", content_type="text/html"), UpstreamFailed, 3),
    (lambda: Response(b"", 307, {"location": "http://127.0.0.1:1/steal"}), UpstreamFailed, 1),
    (lambda: stream([b"data: {garbage\n\n"]), UpstreamFailed, 3),
    (lambda: stream([b"\xff\xfe\x00" * 50]), UpstreamFailed, 3),
    (lambda: stream(events({"choices": "?", "usage": None})), UpstreamFailed, 3),
    (lambda: stream(events([1, 2])), UpstreamFailed, 3),
    (lambda: stream([b"data: " + b"[" * 100_000 + b"\n\n"]), UpstreamFailed, 3),
    (lambda: stream([b'data: {"choices": ' + b"9" * 5000 + b"}\n\n"]), UpstreamFailed, 3),
    (lambda: stream(events({**chunk(), "choices": {"a": 1}})), UpstreamFailed, 3),
    (lambda: stream(events({**chunk(), "choices": [None]})), UpstreamFailed, 3),
    (lambda: stream(events(*final("error"))), UpstreamFailed, 3),
    (lambda: stream(events(chunk(finish={"a": 1}))), UpstreamFailed, 3),  # type: ignore[arg-type]
    (lambda: Response(b"", 200, {"content-encoding": "gzip"}), UpstreamFailed, 1),
    (lambda: Response(b"", 500, {"content-encoding": "gzip"}), UpstreamFailed, 1),
    (lambda: stream(events(chunk(), done=False)), UpstreamFailed, 3),
    (lambda: stream(events(*final())), UpstreamFailed, 1),
    (lambda: stream(events(*final("length"))), UpstreamFailed, 1),
    (lambda: stream(events({"error": {"message": KEY, "code": "server_error"}})), UpstreamFailed, 3),
]


@pytest.mark.parametrize(("maker", "kind", "tries"), MAPPED)
async def test_failures_by_class(
    maker: Callable[[], Response], kind: type[ChatbotError], tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failure, asked = await failure_with(maker)
    assert (type(failure), asked) == (kind, tries)
    assert (
        failure.__context__ is None
        or failure.__suppress_context__
        or isinstance(failure.__context__, UpstreamTrouble)
    )
    for place in (str(failure), repr(failure), caplog.text, str(failure.__cause__), str(failure.__context__)):
        assert "canary" not in place
        assert "서울" not in place


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "60"}, 60),
        ({"retry_after": "59.2"}, 60),
        ({"retry_after_ms": "30500"}, 31),
        ({"retry_after": "nonsense"}, 20),
        ({"retry_after": "9" * 400}, 600),
        ({"retry_after": "9" * 5000}, 600),
        ({"retry_after_ms": "9" * 400}, 600),
        ({"retry_after_ms": "500000"}, 500),
        ({"retry_after": "Wed, 21 Oct 99999999999 07:28:00 GMT"}, 600),
        ({"retry_after": "Wed, 21 Oct 2099 07:28:00 GMT"}, 600),
        ({"retry_after": "-5"}, 20),
        ({"retry_after": "."}, 20),
        ({"retry_after": "inf"}, 20),
        ({}, 20),
    ],
)
async def test_429_passes_on_upstreams_retry_after(headers: dict[str, str], seconds: int) -> None:
    failure, _ = await failure_with(lambda: error(429, "rate_limit_exceeded", **headers))
    assert isinstance(failure, Overloaded)
    assert (failure.retry_after, failure.queue_size) == (seconds, 0)


async def test_an_endless_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.llm.openai.vendor.MAX_BYTES", 1_000_000)
    handed_over = 0

    def endless() -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            nonlocal handed_over
            while handed_over < 100_000_000:
                handed_over += 10_000
                yield b"x" * 10_000

        return Response(chunks=chunks(), content_type="text/event-stream")

    failure, asked = await failure_with(endless)
    assert (type(failure), asked) == (UpstreamFailed, 1)
    assert handed_over < 50_000_000


async def test_a_short_retry_after_is_waited_for() -> None:
    handler = in_turn(lambda: error(429, "rate_limit_exceeded", retry_after_ms="200"), lambda: answer("예"))
    async with running(handler) as server, opened(config_for(server)) as models:
        begun = time.monotonic()
        assert text_of(await generated(models["gpt"])) == "예"
        assert time.monotonic() - begun >= 0.2
    assert len(server.requests) == 2


async def test_passing_failures_are_tried_again_unseen() -> None:
    handler = in_turn(
        lambda: error(500, "server_error"),
        lambda: stream(events(chunk(), done=False)),
        lambda: answer("드디어"),
    )
    async with running(handler) as server, opened(config_for(server)) as models:
        assert text_of(await generated(models["gpt"])) == "드디어"


async def test_after_the_first_text_a_failure_is_final() -> None:
    half = stream(events(chunk("반쪽"), done=False))
    async with running(lambda _: half) as server, opened(config_for(server)) as models:
        generation = models["gpt"].reserve(request()).generate(CONVERSATION, Sampling())
        assert await first_token(generation) == Token("반쪽")
        with pytest.raises(UpstreamFailed):
            await anext(generation)
    assert len(server.requests) == 1


async def test_no_connection() -> None:
    async with running(lambda _: answer("예")) as server:
        config = config_for(server)
    async with opened(config) as models:
        with pytest.raises(UpstreamFailed):
            await generated(models["gpt"])


@pytest.mark.parametrize(
    ("maker", "stage"),
    [
        (lambda: Response(delay=30), "prefill"),
        (lambda: stream(events(chunk(), done=False), linger=30), "prefill"),
        (lambda: stream(events(chunk("반"), done=False), linger=30), "decode"),
        (lambda: stream(events(*[chunk("가")] * 300), pause=0.1), "decode"),
    ],
)
async def test_the_deadline_holds_in_every_stage_and_closes_upstream(
    maker: Callable[[], Response], stage: str
) -> None:
    async with running(completing(maker)) as server, opened(config_for(server)) as models:
        await models.check()
        # Each of the answers takes thirty seconds.
        async with asyncio.timeout(20):
            with pytest.raises(DeadlineExceeded) as caught:
                await generated(models["gpt"], seconds=0.4)
            await server.client_left.wait()
    assert caught.value.stage == stage


async def test_no_pause_reaches_past_the_deadline() -> None:
    failure, asked = await failure_with(lambda: error(503, None, retry_after="5"), seconds=2)
    assert (type(failure), asked) == (UpstreamFailed, 1)
    passing = UpstreamTrouble(UpstreamFailed("x"), passing=True)
    assert pause_before(2, passing, 0.001) is None
    assert pause_before(4, passing, 100) is None
    assert pause_before(2, UpstreamTrouble(UpstreamFailed("x"), passing=False), 100) is None
    assert pause_before(2, UpstreamTrouble(UpstreamFailed("x"), passing=True, retry_after=9), 100) is None
    assert pause_before(2, UpstreamTrouble(UpstreamFailed("x"), passing=True, retry_after=3), 100) == 3


async def test_every_class_of_the_library_is_mapped() -> None:
    from chatbot.llm.openai.vendor import trouble_of

    def tree(kind: type[openai.OpenAIError]) -> set[type[openai.OpenAIError]]:
        return {kind}.union(*(tree(child) for child in kind.__subclasses__()))

    class Bare:
        """The attributes that the library's errors have, without its constructors."""

        status_code = 400
        code = None
        response = type("R", (), {"headers": {}})()

        def __init__(self) -> None:
            pass

        def __str__(self) -> str:
            return KEY

    for kind in tree(openai.OpenAIError):
        made: openai.OpenAIError = type("Made", (Bare, kind), {})()
        told = trouble_of(made)
        assert isinstance(told.error, UpstreamFailed | Overloaded | DeadlineExceeded)
        assert KEY not in str(told.error)


async def test_without_a_key_the_alias_is_not_configured() -> None:
    async with opened(OpenAIConfig()) as models:
        assert list(models.keys()) == ["gpt4.1", "gpt4.1_mini"]
        for model in models.values():
            with pytest.raises(NotConfigured):
                model.reserve(request())
            assert model.status().state is ModelState.FAILED


async def test_after_closing_nothing_is_taken() -> None:
    async with running(lambda _: answer("예")) as server, opened(config_for(server)) as models:
        await generated(models["gpt"])
    with pytest.raises(Draining):
        models["gpt"].reserve(request())
    assert models["gpt"].status().state is ModelState.DRAINING


async def test_the_key_shows_in_no_representation() -> None:
    config = OpenAIConfig(api_key=SecretStr(KEY), aliases={"a": OpenAIAlias(model="m")})
    async with opened(config) as models:
        shown = f"{models!r} {models['a']!r} {vars(models)!r} {vars(models['a'])!r} {config!r}"
    assert KEY not in shown
