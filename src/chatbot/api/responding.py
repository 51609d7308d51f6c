"""Answers a client that may disconnect: with a whole text or a stream, in the format of its route.

The status of a stream is honest: its first event is awaited briefly, so that what fails at once (a prompt
that cannot fit, an upstream that refuses) is still a plain refusal and not an ``error`` event after a 200.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from chatbot.api.disconnect import while_connected
from chatbot.api.errors import failure_of, language_of_request
from chatbot.api.kept_streams import KeptStream, KeptStreams
from chatbot.api.native_format import named_event
from chatbot.api.response_format import ResponseFormat
from chatbot.api.streams import EventStream
from chatbot.core.reply import Answered, AnswerEvent, Reply
from chatbot.domain.language import Language

FIRST_EVENT_SECONDS = 1.0
"""Longest wait for the first event before the status is sent."""


async def _complete(reply: Reply) -> Answered:
    """Run a reply to its end."""
    try:
        async with aclosing(reply.events()) as events:
            async for event in events:
                if isinstance(event, Answered):
                    return event
        raise RuntimeError("an answer ended without its last event")
    finally:
        reply.close()


async def respond(
    request: Request,
    reply: Reply,
    response_format: ResponseFormat,
    *,
    stream: bool,
    unattended: set[asyncio.Task[Any]] | None = None,
) -> Response:
    """Answer; with ``unattended`` a whole text is completed there even if the client disconnects.

    Raises:
        ClientDisconnect: nobody is there to be answered.
        ChatbotError: before anything was sent; the reply is closed.
    """
    try:
        if not stream:
            answered = await while_connected(request.receive, _complete(reply), unattended=unattended)
            return response_format.whole(answered)
        answer = reply.events()
        first = await _first_event(request, reply, answer)
        said = _said(reply, answer, response_format, language_of_request(request), first)
        return EventStream(said, response_format.opening)
    except ClientDisconnect:
        raise
    except BaseException:
        reply.close()
        raise


async def _first_event(
    request: Request, reply: Reply, answer: AsyncGenerator[AnswerEvent, None]
) -> asyncio.Task[AnswerEvent | None]:
    """The first event, or what waits for it after a second.

    Raises:
        ClientDisconnect: the client went meanwhile; the reply is closed.
        Exception: whatever the reply raised at once; it is closed.
    """
    first = asyncio.ensure_future(anext(answer, None))

    async def wait() -> None:
        await asyncio.wait((first,), timeout=FIRST_EVENT_SECONDS)

    try:
        await while_connected(request.receive, wait())
        if first.done():
            first.result()
    except BaseException:
        first.cancel()
        reply.close()
        raise
    return first


async def _said(
    reply: Reply,
    answer: AsyncGenerator[AnswerEvent, None],
    response_format: ResponseFormat,
    language: Language,
    first: asyncio.Task[AnswerEvent | None] | None = None,
) -> AsyncGenerator[bytes, None]:
    """What a stream sends of an answer; a failure is the last of it. The reply is closed at the end."""
    try:
        async with aclosing(answer) as events:
            if first is not None and (event := await first) is not None:
                yield response_format.event(event)
            async for event in events:
                yield response_format.event(event)
    except Exception as error:  # noqa: BLE001 (the status is sent; the error's place is the stream)
        yield response_format.failed(failure_of(error, language))
    finally:
        reply.close()


def stream_to_the_end(
    request: Request,
    reply: Reply,
    response_format: ResponseFormat,
    streams: KeptStreams,
    unattended: set[asyncio.Task[Any]],
) -> Response:
    """Stream an answer that is completed in ``unattended`` even if the client disconnects.

    One that belongs to a room can be gone on with: its first event names it.
    """
    said = _said(reply, reply.events(), response_format, language_of_request(request))
    room = reply.question.room
    stream = KeptStream() if room is None else streams.open(room)
    if room is not None:
        stream.add(named_event("answer", {"id": stream.id}))

    async def write() -> None:
        try:
            async for event in said:
                stream.add(event)
        finally:
            stream.end()
            streams.ended(stream)

    writing = asyncio.create_task(write())
    unattended.add(writing)
    writing.add_done_callback(unattended.discard)
    named = {} if room is None else {"X-Answer-Id": stream.id}
    return EventStream(stream.behind(0), lambda: {**response_format.opening(), **named})
