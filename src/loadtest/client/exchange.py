"""One HTTP request to a service and what came of it, plain or streamed; knows the contract, not the load
test.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from loadtest.client.events import parse_json
from loadtest.client.reply import ServiceReply, failure_of_answer, words
from loadtest.client.retry import parse_retry_after
from loadtest.client.stream import read_stream
from loadtest.record.rows import REFUSED

CONNECT_SECONDS = 10.0
OK = 200
_MOST_BODY = 1_000_000
_PIECE = 65_536


class _TooLateError(Exception):
    """The whole answer took longer than the client waits."""


def exchange(url: str, body: dict[str, Any], headers: dict[str, str], seconds: float) -> ServiceReply:
    """Sends one question and reads the answer to its end, for at most `seconds`. Never raises for what a
    server does.
    """
    reply = ServiceReply()
    began = time.perf_counter()
    try:
        with (
            _session() as session,
            session.post(
                url, json=body, headers=headers, stream=True, timeout=(CONNECT_SECONDS, seconds)
            ) as response,
        ):
            reply.status = response.status_code
            _read_headers(reply, response)
            with _within(response, began + seconds - time.perf_counter()):
                pieces = _pieces(reply, response)
                if response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    read_stream(reply, pieces, began)
                else:
                    _read_plain(reply, b"".join(pieces))
    except (_TooLateError, requests.ReadTimeout, ReadTimeoutError):
        reply.failure, reply.error = "timeout", f"no whole answer within {seconds:g} s"
    except (requests.RequestException, HTTPError) as error:
        reply.failure, reply.error = _broken(reply, error), str(error)
    except ValueError as error:
        reply.failure, reply.error = "bad_body", str(error)
    return reply


def _session() -> requests.Session:
    """One connection an attempt: a reused one that the server closes at the same moment would count as a
    failure of the service, and beside an answer of seconds the handshake is nothing.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers.update(
        {"Connection": "close", "Accept-Encoding": "identity", "User-Agent": "chatbot-suite-loadtest"}
    )
    return session


def parse_server_timing(value: str) -> dict[str, float]:
    """The durations of a Server-Timing header, in seconds by name."""
    found = {}
    for entry in value.split(","):
        name, *parameters = entry.strip().split(";")
        for parameter in parameters:
            key, _, text = parameter.strip().partition("=")
            if key == "dur":
                try:
                    seconds = float(text.strip('"')) / 1000
                except ValueError:
                    continue
                if 0 <= seconds < math.inf:
                    found[name.strip()] = seconds
    return found


@contextmanager
def _within(response: requests.Response, seconds: float) -> Iterator[None]:
    """Ends the reading when time is up, whether the server says nothing more or a little now and then.

    The time-out of a socket counts from the last byte, so a stream that goes silent would hold its user
    for twice as long.
    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError, RuntimeError, ValueError):
            response.raw.shutdown()

    timer = threading.Timer(max(0.0, seconds), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (HTTPError, requests.RequestException, ValueError):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():
        raise _TooLateError


def _pieces(reply: ServiceReply, response: requests.Response) -> Iterator[bytes]:
    # Neither iter_content nor iter_lines will do: without chunked encoding they wait for the whole body,
    # which would make the first token look as late as the last.
    while piece := response.raw.read1(_PIECE):
        reply.size += len(piece)
        if reply.size > _MOST_BODY:
            raise ValueError(f"answer over {_MOST_BODY} bytes")
        yield piece


def _read_headers(reply: ServiceReply, response: requests.Response) -> None:
    headers = response.headers
    reply.db_id = headers.get("X-Db-Id")
    if "Server-Timing" in headers:
        reply.take_timing(parse_server_timing(headers["Server-Timing"]))
    if response.status_code == REFUSED:
        reply.retry_after = parse_retry_after(headers.get("Retry-After"), datetime.now(UTC))
    for name in ("X-Model", "X-Request-Id", "X-Search-Status", "X-Finish-Reason"):
        if name in headers:
            reply.extras[name[2:].lower().replace("-", "_")] = headers[name]


def _read_plain(reply: ServiceReply, body: bytes) -> None:
    if reply.status != OK:
        reply.failure = "refused_429" if reply.status == REFUSED else f"http_{reply.status}"
        reply.error = _detail(reply, body)
        return
    answer = parse_json(body)
    if not isinstance(answer, str):
        reply.failure, reply.error = "bad_body", "the answer is not a JSON string"
        return
    reply.extras["characters"] = len(answer)
    reply.failure = failure_of_answer(reply.extras.get("finish_reason"), len(answer.strip()))


def _detail(reply: ServiceReply, body: bytes) -> str:
    try:
        said = parse_json(body)
    except ValueError:
        return body[:500].decode("utf-8", errors="replace")
    if not isinstance(said, dict):
        return words(said)
    if reply.status == REFUSED:
        reply.extras["body_retry_after"] = _number(said.get("retry_after"))
        reply.extras["queue_size"] = _number(said.get("queue_size"))
    return words(said.get("detail", said))


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _broken(reply: ServiceReply, error: Exception) -> str:
    """Names a broken exchange: refused at the door, or lost on the way."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError):
        return "connect_error"
    return reply.failure or "connection_lost"
