"""Requests as programs send them that are not run here: their recorded shapes over plain HTTP."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from clients import told


@contextmanager
def response_of(
    base: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Iterator[Any]:
    """The response to a GET, or to a POST of the body as JSON; its connection is closed on leaving.

    Raises:
        AssertionError: the status is not 200; the message holds the body.
    """
    place = urlsplit(base)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=300)
    try:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request("GET" if body is None else "POST", place.path + path, data, sent)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise AssertionError(f"status {response.status}: {response.read().decode()[:300]}")
        yield response
    finally:
        connection.close()


def answer_of(base: str, body: Any, headers: dict[str, str] | None = None) -> str:
    """The text of a chat completion, streamed or not."""
    with response_of(base, "/chat/completions", body, headers) as response:
        if body.get("stream"):
            return "".join(chunks(response))
        return str(json.load(response)["choices"][0]["message"]["content"])


def chunks(response: Any) -> Iterator[str]:
    """The texts of a stream as they come; it has to end with a reason and [DONE]."""
    reason = None
    for line in response:
        data = line.decode().strip().removeprefix("data: ")
        if not data or data.startswith(":"):
            continue
        if data == "[DONE]":
            told.check(reason, "the stream ended without a reason")
            return
        chunk = json.loads(data)
        told.check("error" not in chunk, f"an error in the stream: {data[:300]}")
        for choice in chunk["choices"]:
            reason = choice["finish_reason"] or reason
            if text := choice["delta"].get("content"):
                yield text
    raise AssertionError("the stream ended without [DONE]")


def leave_after_first(base: str, body: Any, headers: dict[str, str] | None = None) -> str:
    """Close the connection of a stream after its first text; see ``told.leaves_early``."""

    def leave() -> None:
        with response_of(base, "/chat/completions", body, headers) as response:
            next(chunks(response))

    return told.leaves_early(base, leave)


def names_of_models(base: str, headers: dict[str, str] | None = None) -> list[str]:
    """What the list of models names."""
    with response_of(base, "/models", headers=headers) as response:
        return [model["id"] for model in json.load(response)["data"]]
