"""A TCP proxy that spoils what passes through it: what do the parts of the suite make of each other then?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

_PIECE = 16 * 1024


@dataclass
class Faults:
    """What happens to connections; may be changed while they run. Each concerns both directions.

    A fault that is off is None or False.
    """

    refuse: bool = False
    """Close new connections at once."""
    delay: float | None = None
    """Seconds that each piece waits before it is passed on."""
    bytes_per_second: float | None = None
    """How fast bytes pass, each direction for itself."""
    unread: bool = False
    """Read nothing more from either side: what is sent fills the buffers and then waits."""
    cut_after: int | None = None
    """Bytes from the server after which the connection ends in the middle, as ``cut_by`` says."""
    cut_by: Literal["close", "reset"] = "close"
    """An orderly end, which truncates, or a reset."""


@dataclass
class FaultProxy:
    """A running proxy."""

    port: int
    """Where it listens on 127.0.0.1."""
    faults: Faults
    """What it does; change them at will."""
    connections: int = 0
    """Connections that it has accepted so far."""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for writer in tuple(self._open):
            writer.transport.abort()


async def _pass_on(
    proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
) -> None:
    """Pass bytes from one side to the other until either ends or a fault ends them."""
    passed = 0
    while True:
        faults = proxy.faults
        while faults.unread:
            await asyncio.sleep(0.02)
        data = await reader.read(_PIECE)
        if not data:
            break
        if faults.delay is not None:
            await asyncio.sleep(faults.delay)
        if faults.bytes_per_second is not None:
            await asyncio.sleep(len(data) / faults.bytes_per_second)
        over = faults.cut_after is not None and counted and passed + len(data) > faults.cut_after
        if over and faults.cut_after is not None:
            data = data[: faults.cut_after - passed]
        passed += len(data)
        writer.write(data)
        await writer.drain()
        if over:
            if faults.cut_by == "reset":
                writer.transport.abort()
            break
    if not writer.transport.is_closing():
        writer.write_eof()


@asynccontextmanager
async def fault_proxy(port: int, faults: Faults | None = None) -> AsyncIterator[FaultProxy]:
    """A proxy in front of ``port`` of 127.0.0.1; without faults it only passes bytes on."""
    proxy = FaultProxy(0, faults or Faults())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        if proxy.faults.refuse:
            writer.close()
            return
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
        both = {writer, behind_writer}
        proxy._open |= both
        ways = [
            asyncio.create_task(_pass_on(proxy, reader, behind_writer, counted=False)),
            asyncio.create_task(_pass_on(proxy, behind_reader, writer, counted=True)),
        ]
        try:
            # The end of either way ends both: nobody here half-closes.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            proxy._open -= both
            for each in both:
                each.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_PIECE)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        proxy.cut()
