"""Reads a streamed answer: what each event must hold, and what came of the whole.

A service that breaks its contract fails that one question. Nothing it sends may end the generator, which
would make the whole run invalid, so types and ranges are checked before anything is computed from them.
"""

import time
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from loadtest.client.events import read_events
from loadtest.client.reply import ServiceReply, failure_of_answer, words
from loadtest.record.rows import REFUSED

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
_RoomId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F-]{36}$")]
_Milliseconds = Annotated[float, Field(ge=0, le=1e9)]


class _StreamEvent(BaseModel):
    model_config = ConfigDict(strict=True)


class _TokenEvent(_StreamEvent):
    text: str


class _DoneEvent(_StreamEvent):
    finish_reason: _Name | None = None
    db_id: _RoomId | None = None
    timings_ms: dict[_Name, _Milliseconds] | None = None
    usage: dict[_Name, int] | None = None


class _ErrorEvent(_StreamEvent):
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Any = ""
    retry_after: Annotated[float, Field(ge=0, le=1e6)] | None = None


def read_stream(reply: ServiceReply, pieces: Iterator[bytes], began: float) -> None:
    """Fills `reply` from the pieces of an event stream; `began`: when it was asked, by `perf_counter`.

    Raises ValueError, with a sentence for the row, when an event is not what the contract says.
    """
    tokens = characters = 0
    reply.failure = "stream_cut"
    for name, data in read_events(pieces):
        try:
            match name:
                case "token":
                    text = _TokenEvent.model_validate(data).text
                    if text and reply.first_token is None:
                        reply.first_token = time.perf_counter() - began
                    tokens += 1
                    characters += len(text)
                case "done":
                    _take_done(reply, _DoneEvent.model_validate(data))
                    reply.failure = failure_of_answer(reply.extras["finish_reason"], characters)
                case "error":
                    _take_error(reply, _ErrorEvent.model_validate(data))
        except ValidationError as error:
            raise ValueError(_sentence(name, error)) from error
    reply.extras["token_events"] = tokens
    reply.extras["characters"] = characters


def _take_done(reply: ServiceReply, done: _DoneEvent) -> None:
    reply.extras["finish_reason"] = done.finish_reason
    reply.db_id = done.db_id or reply.db_id
    if done.timings_ms is not None:
        reply.take_timing({step: value / 1000 for step, value in done.timings_ms.items()})
    if done.usage is not None:
        reply.extras["usage"] = done.usage


def _take_error(reply: ServiceReply, error: _ErrorEvent) -> None:
    reply.extras["http_status"] = reply.status
    reply.status = error.status
    reply.failure = "refused_429" if error.status == REFUSED else f"http_{error.status}"
    reply.error = words(error.detail)
    if error.status == REFUSED:
        reply.retry_after = error.retry_after


def _sentence(name: str, error: ValidationError) -> str:
    """The first fault of an event, without what the service sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{name} event, {'.'.join(map(str, first['loc']))}: {first['msg']}"
