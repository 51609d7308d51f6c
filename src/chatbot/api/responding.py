"""Answers a client that may disconnect: with a whole text or a stream, in the format of its route."""

import asyncio
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from chatbot.api.disconnect import while_connected
from chatbot.api.errors import language_of_request
from chatbot.api.response_format import ResponseFormat
from chatbot.api.streams import EventStream
from chatbot.core.reply import Answered, Reply


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
    """Answer; with ``unattended`` the answer is completed there even if the client disconnects.

    Raises:
        ClientDisconnect: nobody is there to be answered.
        ChatbotError: before anything was sent; the reply is closed.
    """
    try:
        if not stream:
            answered = await while_connected(request.receive, _complete(reply), unattended=unattended)
            return response_format.whole(answered)
        events = EventStream(reply, response_format, language_of_request(request), unattended)
        if unattended is None:
            # An answer that is to be finished in any case cannot be tied to the wait for its first event.
            await events.begin(request.receive)
    except ClientDisconnect:
        raise
    except BaseException:
        reply.close()
        raise
    return events
