"""Server-Sent Events (WHATWG HTML §9.2): the answer while it is made."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chatbot.api.disconnect import while_connected

HEARTBEAT_SECONDS = 15.0
"""A comment line this often keeps proxies from closing a quiet stream (contract §2.2)."""


class EventStream(Response):
    """Sends events as they come; when the client disconnects, the generator of them is closed."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], opening: Callable[[], Mapping[str, str]]) -> None:
        """``opening`` is asked for headers when the first byte is sent."""
        super().__init__(headers={"X-Accel-Buffering": "no"}, media_type=self.media_type)
        # The length is not known, and Response has set that of an empty body.
        del self.headers["content-length"]
        self._events = events
        self._opening = opening
        self._last_sent = time.monotonic()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        self.headers.update(self._opening())
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        beating = asyncio.create_task(self._beat(send))
        try:
            await while_connected(receive, self._pump(send))
        except ClientDisconnect:
            pass
        finally:
            beating.cancel()

    async def _send(self, send: Send, data: bytes, *, more: bool = True) -> None:
        self._last_sent = time.monotonic()
        await send({"type": "http.response.body", "body": data, "more_body": more})

    async def _pump(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            async for event in events:
                await self._send(send, event)
        await self._send(send, b"", more=False)

    async def _beat(self, send: Send) -> None:
        while True:
            idle = time.monotonic() - self._last_sent
            await asyncio.sleep(max(0.1, HEARTBEAT_SECONDS - idle))
            if time.monotonic() - self._last_sent >= HEARTBEAT_SECONDS:
                await self._send(send, b": keep-alive\n\n")
