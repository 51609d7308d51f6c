"""A client's request as a pod gets it, and the pod's answer as the client gets it."""

from collections.abc import AsyncIterable, Collection, Iterable
from typing import cast

import httpcore
from starlette.types import Scope, Send

from chatbot.api.passing import ADMISSION_HEADER, AFFINITY_HEADER, ELSEWHERE_HEADER
from chatbot.balancing.pods import Address
from chatbot.domain.models import Admission

CONNECT_SECONDS = 2.0
"""A pod of the same cluster takes a connection within milliseconds; the address of a lost one never does."""

RawHeaders = list[tuple[bytes, bytes]]


def _lower(*names: str) -> frozenset[bytes]:
    return frozenset(name.lower().encode() for name in names)


_OF_ONE_CONNECTION = _lower(
    "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade"
)
"""Headers that say something about one connection (RFC 9110 §7.6.1)."""

_NOT_PASSED_ON = _OF_ONE_CONNECTION | _lower("Content-Length", "Expect", ADMISSION_HEADER)
# The listener writes a date of its own.
_NOT_PASSED_BACK = _OF_ONE_CONNECTION | _lower("Date")
_BODY = _lower("Content-Length", "Transfer-Encoding")


def affinity(scope: Scope) -> bytes:
    """Whose the request is: as the client says, else by its API key, else by its address."""
    headers = dict(scope["headers"])
    for name in (AFFINITY_HEADER, "Authorization", "X-Forwarded-For"):
        if value := headers.get(name.lower().encode()):
            return cast("bytes", value)
    return b""


def request_to(pod: Address, scope: Scope, body: bytes, admission: Admission) -> httpcore.Request:
    """The request of ``scope`` with its whole ``body``, as the pod gets it."""
    target: bytes = scope["raw_path"]
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    headers = _without(_NOT_PASSED_ON, scope["headers"])
    names = {name for name, _ in scope["headers"]}
    if b"host" not in names:
        headers.append((b"host", pod[0].encode()))
    if body or names & _BODY:
        headers.append((b"content-length", b"%d" % len(body)))
    headers.append((ADMISSION_HEADER.encode(), admission.value.encode()))
    return httpcore.Request(
        scope["method"],
        httpcore.URL(scheme=b"http", host=pod[0].encode(), port=pod[1], target=target),
        headers=headers,
        content=body,
        extensions={"timeout": {"connect": CONNECT_SECONDS}},
    )


def is_passed_on(answer: httpcore.Response) -> bool:
    """Whether the pod did not begin the request and leaves it to another."""
    mark = ELSEWHERE_HEADER.lower().encode()
    return any(name.lower() == mark for name, _ in answer.headers)


async def relay(answer: httpcore.Response, send: Send) -> None:
    """Pass the answer on as it comes.

    Raises:
        httpcore.NetworkError, httpcore.RemoteProtocolError: it broke off.
    """
    headers = _without(_NOT_PASSED_BACK, answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for chunk in cast("AsyncIterable[bytes]", answer.stream):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


def _without(dropped: Collection[bytes], headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers without these, and without those that Connection names."""
    kept = [(name.lower(), value) for name, value in headers]
    listed = b",".join(value for name, value in kept if name == b"connection")
    named = {each.strip().lower() for each in listed.split(b",")}
    return [(name, value) for name, value in kept if name not in dropped and name not in named]
