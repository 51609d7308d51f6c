"""The one HTTP client of all providers, with the guards that none of them may forget.

No redirect is followed (a provider cannot send us to a private address), no cookie is kept, an answer has a
size and a time limit, compressed or not, and a page that asks for a CAPTCHA is named as such even when its
status is 200.
"""

import asyncio
import json
import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from chatbot.adapters.search.provider import ProviderFailed
from chatbot.domain.retry_after import parse_retry_after
from chatbot.domain.search import SearchOutcome

MAX_BYTES = 1 << 20
"""Largest answer that is read, before and after decompression."""

_CHALLENGES = (
    b"captcha",
    b"cf-chl",
    b"challenge-platform",
    b"unusual traffic",
    b"are you a robot",
    b"anomaly-modal",
    "보안문자".encode(),
    "자동입력 방지".encode(),
    "비정상적인 접근".encode(),
)

_BY_STATUS = {
    401: SearchOutcome.AUTH,
    402: SearchOutcome.AUTH,
    403: SearchOutcome.AUTH,
    408: SearchOutcome.TIMEOUT,
    429: SearchOutcome.RATE_LIMITED,
    504: SearchOutcome.TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class FetchedReply:
    """A JSON answer: ``body`` is the parsed object, whatever the status."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object]

    def failure(self, outcome: SearchOutcome | None = None) -> ProviderFailed:
        """This answer as a failure: ``outcome``, or what its status says."""
        retry_after = parse_retry_after(self.headers.get("retry-after"), datetime.now(UTC))
        kind = outcome or _BY_STATUS.get(self.status, SearchOutcome.ERROR)
        return ProviderFailed(kind, f"status {self.status}", retry_after)

    def require_ok(self) -> None:
        """Raise ``failure()`` unless the status is 200."""
        if self.status != 200:
            raise self.failure()

    def items(self, *path: str) -> list[Mapping[str, object]]:
        """The objects in the list at ``path``.

        Raises:
            ProviderFailed: there is no list, so this is not the answer it should be.
        """
        found = dig(self.body, *path)
        if not isinstance(found, list):
            raise ProviderFailed(SearchOutcome.ERROR, f"no {'.'.join(path)} in the answer")
        return [item for item in found if isinstance(item, Mapping)]


def dig(body: object, *path: str) -> object:
    """The value at ``path`` in nested objects, or None."""
    for key in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body


def text(item: Mapping[str, object], key: str) -> str:
    """The string at ``key``, or ""; a provider's null or number is no text."""
    value = item.get(key)
    return value if isinstance(value, str) else ""


class Fetcher:
    """Asks fixed addresses for JSON. One for all providers, closed once."""

    def __init__(self, user_agent: str, *, timeout: float = 2.5, max_bytes: int = MAX_BYTES) -> None:
        # httpx logs every address at INFO, and the address of a search is the user's question.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 1.5)),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"},
        )

    async def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        payload: Mapping[str, object] | None = None,
    ) -> FetchedReply:
        """Send one request and return its JSON object, whatever the status.

        Raises:
            ProviderFailed: no answer in time, no connection, too large, a redirect, or no JSON object.
        """
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(method, url, params=params, headers=headers, json=payload) as response,
            ):
                content = await self._read(response)
        except (TimeoutError, httpx.TimeoutException):
            raise ProviderFailed(SearchOutcome.TIMEOUT, "no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderFailed(SearchOutcome.ERROR, type(error).__name__) from None
        return reply_of(response, content)

    async def _read(self, response: httpx.Response) -> bytes:
        if response.is_redirect:
            raise ProviderFailed(SearchOutcome.ERROR, f"redirect refused (status {response.status_code})")
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise ProviderFailed(SearchOutcome.ERROR, "unknown content encoding")
        raw = bytearray()
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > self._max_bytes:
                raise ProviderFailed(SearchOutcome.ERROR, "the answer is too large")
        return bytes(raw) if encoding == "identity" else self._unpack(bytes(raw))

    def _unpack(self, raw: bytes) -> bytes:
        """Decompress at most the size limit, whatever the archive claims."""
        unpacker = zlib.decompressobj(wbits=31)
        try:
            content = unpacker.decompress(raw, self._max_bytes + 1)
        except zlib.error:
            raise ProviderFailed(SearchOutcome.ERROR, "broken compression") from None
        if len(content) > self._max_bytes:
            raise ProviderFailed(SearchOutcome.ERROR, "the answer is too large")
        return content

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def reply_of(response: httpx.Response, content: bytes) -> FetchedReply:
    """The JSON object of an answer whose bytes are ``content``.

    Raises:
        ProviderFailed: it holds none.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return FetchedReply(response.status_code, response.headers, body)
    if response.headers.get("cf-mitigated") == "challenge" or _asks_for_captcha(content):
        raise ProviderFailed(SearchOutcome.BLOCKED, "a CAPTCHA instead of an answer")
    if response.status_code != 200:
        raise FetchedReply(response.status_code, response.headers, {}).failure()
    raise ProviderFailed(SearchOutcome.ERROR, "the answer is no JSON object")


def _asks_for_captcha(content: bytes) -> bool:
    page = content.lower()
    return any(sign in page for sign in _CHALLENGES)
