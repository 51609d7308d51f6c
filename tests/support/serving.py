"""The product's HTTP server over any application, for what an in-process transport cannot show."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.types import ASGIApp

from chatbot.server.limits import HttpLimits
from chatbot.server.listening import BoundedServer


@asynccontextmanager
async def serving(app: ASGIApp, limits: HttpLimits | None = None) -> AsyncIterator[str]:
    """Serve ``app`` in the test's own event loop on a free port of the loopback address; yields its URL."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = BoundedServer(app, limits=limits)
    running = asyncio.create_task(server.serve([bound]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@contextmanager
def serving_in_thread(app: ASGIApp) -> Iterator[str]:
    """The same in a thread of its own, for tests that are no coroutines."""
    address, started = "", threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        nonlocal address
        async with serving(app) as address:
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10), "the server did not start"
        yield address
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(15)
        loop.close()
