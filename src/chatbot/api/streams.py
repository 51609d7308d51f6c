"""Server-Sent Events (WHATWG HTML §9.2): the answer while it is made.

The status is honest: the first event is awaited briefly, so that what fails at once (a prompt that cannot
fit, an upstream that refuses) is still a plain refusal and not an ``error`` event after a 200.
"""

import asyncio
import time
from contextlib import aclosing
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chatbot.api.disconnect import while_connected
from chatbot.api.errors import failure_of
from chatbot.api.response_format import ResponseFormat
from chatbot.core.reply import AnswerEvent, Reply
from chatbot.domain.language import Language

FIRST_EVENT_SECONDS = 1.0
"""Longest wait for the first event before the status is sent."""

HEARTBEAT_SECONDS = 15.0
"""A comment line this often keeps proxies from closing a quiet stream (contract §2.2)."""


class EventStream(Response):
    """Sends the events of a reply; stops it when the client disconnects unless ``unattended`` takes it over.

    A failure becomes the last thing that is sent, in ``language``. The reply is closed in every case.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        reply: Reply,
        response_format: ResponseFormat,
        language: Language,
        unattended: set[asyncio.Task[Any]] | None,
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"}, media_type=self.media_type)
        # The length is not known, and Response has set that of an empty body.
        del self.headers["content-length"]
        self._reply = reply
        self._events = reply.events()
        self._first: asyncio.Task[AnswerEvent | None] | None = None
        self._format = response_format
        self._language = language
        self._unattended = unattended
        self._connected = True
        self._last_sent = time.monotonic()

    async def begin(self, receive: Receive) -> None:
        """Wait up to a second for the first event.

        Raises:
            ClientDisconnect: the client went meanwhile.
            Exception: whatever the reply raised at once.

        After either, the reply is closed.
        """
        first = self._first = asyncio.ensure_future(anext(self._events, None))

        async def wait() -> None:
            await asyncio.wait((first,), timeout=FIRST_EVENT_SECONDS)

        try:
            await while_connected(receive, wait())
            if first.done():
                first.result()
        except BaseException:
            first.cancel()
            self._reply.close()
            raise

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        self.headers.update(self._format.opening())
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        beating = asyncio.create_task(self._beat(send))
        try:
            await while_connected(
                receive, self._pump(send), unattended=self._unattended, on_disconnect=self._disconnected
            )
        except ClientDisconnect:
            pass
        finally:
            beating.cancel()

    def _disconnected(self) -> None:
        self._connected = False

    async def _send(self, send: Send, data: bytes, *, more: bool = True) -> None:
        if self._connected:
            self._last_sent = time.monotonic()
            await send({"type": "http.response.body", "body": data, "more_body": more})

    async def _pump(self, send: Send) -> None:
        try:
            async with aclosing(self._events) as events:
                if self._first is not None and (event := await self._first) is not None:
                    await self._send(send, self._format.event(event))
                async for event in events:
                    await self._send(send, self._format.event(event))
        except Exception as error:  # noqa: BLE001 (the status is sent; the error's place is the stream)
            await self._send(send, self._format.failed(failure_of(error, self._language)))
        finally:
            self._reply.close()
        await self._send(send, b"", more=False)

    async def _beat(self, send: Send) -> None:
        while True:
            idle = time.monotonic() - self._last_sent
            await asyncio.sleep(max(0.1, HEARTBEAT_SECONDS - idle))
            if time.monotonic() - self._last_sent >= HEARTBEAT_SECONDS:
                await self._send(send, b": keep-alive\n\n")
