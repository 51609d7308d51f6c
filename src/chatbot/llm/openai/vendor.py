"""The only module that knows the openai library: requests out, pieces of text and typed trouble back.

The library's own messages may quote a key or a prompt, so none of them gets into an error or a log: only
the class, the status and the error's code do.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, TypeVar, cast

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from chatbot.domain.config import OpenAIConfig
from chatbot.domain.errors import ChatbotError, DeadlineExceeded, Overloaded, UpstreamFailed
from chatbot.domain.retry_after import parse_retry_after, parse_seconds
from chatbot.llm.openai.deltas import NOT_THE_PROTOCOL, Delta, read_delta
from chatbot.llm.openai.trouble import UpstreamTrouble

_log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_SECONDS = 5.0
DEFAULT_RETRY_AFTER = 20

_MUTED = ("openai", "httpx2", "httpcore2")
"""They say a line for every request, and versions differ in how much of it they quote at DEBUG."""


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")

MAX_BYTES = 32 * 1024 * 1024
"""An answer longer than this is given up: some thousand times what a stream of 2,048 tokens takes."""


class Vendor:
    """A client of one address with one key, for all aliases; close it once."""

    def __init__(self, config: OpenAIConfig) -> None:
        for name in _MUTED:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = AsyncOpenAI(
            api_key=config.api_key.get_secret_value(),
            base_url=config.base_url,
            max_retries=0,
            # Compressed, a few bytes could become gigabytes.
            default_headers={"Accept-Encoding": "identity"},
            http_client=DefaultAsyncHttpxClient(
                # A redirect would carry the conversation to a host that nobody configured.
                follow_redirects=False,
                timeout=openai.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
                event_hooks={"response": [_bound]},
            ),
        )

    @asynccontextmanager
    async def stream(self, body: Mapping[str, Any], deadline: float) -> AsyncIterator[AsyncIterator[Delta]]:
        """Open a streamed completion; leaving the block closes the connection, complete or not.

        ``deadline`` is ``time.monotonic()`` seconds.

        Raises:
            UpstreamTrouble: upstream refused, here or while the pieces are read.
            DeadlineExceeded: the deadline passed, here or while the pieces are read.
        """
        opened: Any = None
        trouble = UpstreamTrouble(UpstreamFailed("upstream sent nothing"), passing=True)
        try:
            opened = await _before(deadline, "prefill", self._client.chat.completions.create(**body))
        except openai.OpenAIError as error:
            trouble = trouble_of(error)
        if opened is None:
            # Raised outside the handler, so that no traceback carries the library's message along.
            raise trouble
        pieces = _pieces(opened, deadline)
        try:
            yield pieces
        finally:
            await pieces.aclose()
            await opened.close()

    async def shutdown_dates(self) -> dict[str, date]:
        """The models for which upstream names a day of shutdown; empty when it offers none or fails."""
        dates: dict[str, date] = {}
        try:
            async for model in self._client.models.list(timeout=10.0):
                named = getattr(model, "shutdown_date", None)
                if isinstance(named, str) and isinstance(model.id, str) and _DAY.match(named):
                    with suppress(ValueError):
                        dates[model.id] = date.fromisoformat(named[:10])
        except (openai.OpenAIError, UpstreamTrouble, *NOT_THE_PROTOCOL) as error:
            _log.info("openai_models_unavailable", extra={"error": type(error).__name__})
        return dates

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


async def _bound(response: httpx2.Response) -> None:
    """Let no more than MAX_BYTES of a response be read."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UpstreamTrouble(
            UpstreamFailed("upstream compresses what must not be compressed"), passing=False
        )
    response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream))


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in trouble when it grows past MAX_BYTES."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_BYTES
        async for part in self._body:
            left -= len(part)
            if left < 0:
                raise UpstreamTrouble(UpstreamFailed("the answer is too large"), passing=False)
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()


async def _pieces(opened: Any, deadline: float) -> AsyncGenerator[Delta, None]:
    stage = "prefill"
    while True:
        trouble: UpstreamTrouble | None = None
        try:
            piece = read_delta(await _before(deadline, stage, anext(opened)))
        except StopAsyncIteration:
            return
        except openai.OpenAIError as error:
            trouble = trouble_of(error)
        except NOT_THE_PROTOCOL as error:
            trouble = UpstreamTrouble(
                UpstreamFailed(f"garbage from upstream: {type(error).__name__}"), passing=True
            )
        if trouble is not None:
            raise trouble
        if piece.text:
            stage = "decode"
        yield piece


async def _before(deadline: float, stage: str, work: Awaitable[T]) -> T:
    """Await ``work``; raises DeadlineExceeded when the deadline passes first."""
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await work
    except TimeoutError:
        raise DeadlineExceeded(stage) from None


def trouble_of(error: openai.OpenAIError) -> UpstreamTrouble:
    """The library's failure in the suite's terms, by its class."""
    if isinstance(error, openai.APITimeoutError):
        return UpstreamTrouble(DeadlineExceeded("prefill"), passing=True)
    if isinstance(error, openai.APIConnectionError):
        return UpstreamTrouble(UpstreamFailed("no connection to upstream"), passing=True)
    if isinstance(error, openai.RateLimitError):
        return _limited(error)
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        passing = status in (408, 409) or status >= 500
        return UpstreamTrouble(
            _failed(error, f"status {status}"), passing=passing, retry_after=_retry_after(error)
        )
    return UpstreamTrouble(_failed(error, "in the stream"), passing=True)


def _limited(error: openai.RateLimitError) -> UpstreamTrouble:
    wait = _retry_after(error)
    spent = _code(error) == "insufficient_quota"
    if spent:
        _log.error("openai_quota_spent")
    refused = Overloaded(DEFAULT_RETRY_AFTER if wait is None else wait, 0, "upstream")
    return UpstreamTrouble(refused, passing=not spent, retry_after=wait)


def _failed(error: openai.OpenAIError, where: str) -> ChatbotError:
    code, request = _code(error), getattr(error, "request_id", None)
    known = isinstance(request, str) and _REQUEST_ID.fullmatch(request)
    fields = {"error": type(error).__name__, "code": code, "request": request if known else None}
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        _log.error("openai_refuses_the_key", extra=fields)
    else:
        _log.warning("openai_failed", extra=fields)
    return UpstreamFailed(f"upstream failed: {type(error).__name__}, {where}, code {code}")


def _code(error: openai.OpenAIError) -> str:
    """The error's code if it looks like one; anything else could quote what must not be quoted."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and re.fullmatch(r"[a-z][a-z0-9_.]{0,40}", code) else "-"


def _retry_after(error: openai.APIStatusError) -> float | None:
    headers = error.response.headers
    seconds = parse_seconds(headers.get("retry-after-ms", ""), 0.001)
    return parse_retry_after(headers.get("retry-after"), datetime.now(UTC)) if seconds is None else seconds
