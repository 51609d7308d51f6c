"""Connections written and read by hand, for what an HTTP client would never send or never wait for."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

SMALL_BUFFER = 2048
"""Bytes that a client offers to receive when it does not mean to read."""


@dataclass
class RawConnection:
    """One connection to a server under test."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        """Send pieces one after another, each in a packet of its own as far as the kernel lets it."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def rest(self, seconds: float = 10.0) -> bytes:
        """All that comes until the server closes; a reset ends it as well."""
        received = b""
        try:
            async with asyncio.timeout(seconds):
                while data := await self.reader.read(65536):
                    received += data
        except ConnectionError:
            pass
        return received

    async def answer(self, seconds: float = 10.0) -> bytes:
        """One whole answer with a Content-Length."""
        async with asyncio.timeout(seconds):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return head + await self.reader.readexactly(int(length or 0))


@asynccontextmanager
async def raw_connection(url: str, *, unread: bool = False) -> AsyncIterator[RawConnection]:
    """Connect to the server of ``url``; with ``unread`` the kernel takes next to nothing from it."""
    place = urlsplit(url)
    plain = socket.socket()
    if unread:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (place.hostname, place.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=SMALL_BUFFER if unread else 2**22)
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.transport.abort()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A question as bytes."""
    head = (f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers)
    return "\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body


def get(path: str, *headers: str) -> bytes:
    """A request without a body."""
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *headers, "", "")).encode()
