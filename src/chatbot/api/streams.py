"""Server-Sent Events (WHATWG HTML §9.2): the answer while it is made.

The status is honest: the first event is awaited briefly, so that what fails at once (a prompt that cannot
fit, an upstream that refuses) is still a plain refusal and not an ``error`` event after a 200.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chatbot.api.leaving import ClientLeft, attended

FIRST_EVENT_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
"""A comment line this often keeps proxies from closing a quiet stream (contract §2.2)."""


def frame(event: str, data: Any) -> bytes:
    """One named event with JSON data."""
    payload = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event}\ndata: {payload}\n\n".encode()


class EventStream(Response):
    """Sends the frames of an async generator; stops it when the client leaves unless told to finish.

    ``failed`` turns an exception of the generator into the last frames. The generator is closed and
    ``close`` called in every case.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        headers: dict[str, str],
        failed: Callable[[BaseException], bytes],
        close: Callable[[], None],
        unattended: set[asyncio.Task[Any]] | None,
    ) -> None:
        super().__init__(headers={**headers, "X-Accel-Buffering": "no"}, media_type=self.media_type)
        # The length is not known, and Response has set that of an empty body.
        del self.headers["content-length"]
        self._frames = frames
        self._failed = failed
        self._close = close
        self._unattended = unattended
        self._connected = True
        self._last_sent = time.monotonic()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        beating = asyncio.create_task(self._beat(send))
        try:
            await attended(receive, self._pump(send), unattended=self._unattended, on_left=self._left)
        except ClientLeft:
            pass
        finally:
            beating.cancel()

    def _left(self) -> None:
        self._connected = False

    async def _send(self, send: Send, data: bytes, *, more: bool = True) -> None:
        if self._connected:
            self._last_sent = time.monotonic()
            await send({"type": "http.response.body", "body": data, "more_body": more})

    async def _pump(self, send: Send) -> None:
        try:
            async with aclosing(self._frames) as frames:
                async for data in frames:
                    await self._send(send, data)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 (the status is sent; the error's place is the stream)
            await self._send(send, self._failed(error))
        finally:
            self._close()
        await self._send(send, b"", more=False)

    async def _beat(self, send: Send) -> None:
        while True:
            idle = time.monotonic() - self._last_sent
            await asyncio.sleep(max(0.1, HEARTBEAT_SECONDS - idle))
            if time.monotonic() - self._last_sent >= HEARTBEAT_SECONDS:
                await self._send(send, b": keep-alive\n\n")


async def begun(frames: AsyncGenerator[bytes, None], request: Request) -> AsyncGenerator[bytes, None]:
    """The same frames, the first awaited for up to a second.

    Raises:
        ClientLeft: the client left meanwhile; the generator is closed.
        Exception: whatever the generator raised at once.
    """
    first = asyncio.ensure_future(anext(frames, b""))

    async def wait() -> None:
        await asyncio.wait((first,), timeout=FIRST_EVENT_SECONDS)

    async def rest() -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(frames):
                yield await first
                async for data in frames:
                    yield data
        finally:
            first.cancel()

    try:
        await attended(request.receive, wait())
        if first.done():
            first.result()
    except BaseException:
        first.cancel()
        raise
    return rest()
