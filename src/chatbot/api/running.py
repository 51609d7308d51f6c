"""Runs a reply for a client that may leave: as a whole text or as a stream, in either face's format."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from chatbot.api.answers import opening_headers
from chatbot.api.errors import Failure, failure_of, language_of_request
from chatbot.api.leaving import LEFT_STATUS, ClientLeft, attended
from chatbot.api.streams import EventStream, begun
from chatbot.core.reply import Answered, Reply
from chatbot.domain.messages import Token


@dataclass(frozen=True, slots=True)
class Face:
    """How one format says things: the whole answer, the frames of a stream, a failure inside a stream."""

    whole: Callable[[str, Answered], Response]
    frames: Callable[[], AsyncGenerator[bytes, None]]
    failed: Callable[[Failure], bytes]


async def _complete(reply: Reply) -> tuple[str, Answered]:
    """Run a reply to its end: the whole text and its metadata."""
    pieces: list[str] = []
    answered: Answered | None = None
    try:
        async with aclosing(reply.events()) as events:
            async for event in events:
                if isinstance(event, Token):
                    pieces.append(event.text)
                elif isinstance(event, Answered):
                    answered = event
    finally:
        reply.close()
    if answered is None:
        raise RuntimeError("an answer ended without its last event")
    return "".join(pieces), answered


async def run(
    request: Request,
    reply: Reply,
    face: Face,
    *,
    stream: bool,
    unattended: set[asyncio.Task[Any]] | None = None,
) -> Response:
    """Answer; with ``unattended`` the answer is completed there even if the client leaves.

    Raises:
        ChatbotError: before anything was sent; the reply is closed.
    """
    try:
        if not stream:
            text, answered = await attended(request.receive, _complete(reply), unattended=unattended)
            return face.whole(text, answered)
        language = language_of_request(request)
        frames = face.frames()
        return EventStream(
            # An answer that is to be finished in any case cannot be tied to the wait for its first event.
            frames if unattended is not None else await begun(frames, request),
            headers=opening_headers(reply),
            failed=lambda error: face.failed(failure_of(error, language)),
            close=reply.close,
            unattended=unattended,
        )
    except ClientLeft:
        return Response(status_code=LEFT_STATUS)
    except BaseException:
        reply.close()
        raise
