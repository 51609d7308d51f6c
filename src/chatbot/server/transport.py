"""A transport that knows how much its client has taken, and closes without losing the last answer."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Any


class CountingTransport:
    """The part of asyncio.Transport that uvicorn uses, over the loop's own."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, still_sending: Callable[[], bool]
    ) -> None:
        """``still_sending`` tells whether the client may be in the middle of sending."""
        self._transport = transport
        self._loop = loop
        self._still_sending = still_sending
        self._written = 0
        """Bytes that were to be sent so far."""
        self._taken = 0, 0.0
        """How many of them the client had taken when that last changed, and when that was."""
        self._closed_at: float | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio.BaseTransport."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""
        if not self.is_closing():
            self._written += len(data)
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether ``close`` or ``abort`` was called, by whomever."""
        return self._closed_at is not None or self._transport.is_closing()

    def close(self) -> None:
        """Close, once what was written has left.

        A socket that is closed over unread bytes resets the connection, and the client may lose its answer.
        So one that may still be sending is told the end first, and its bytes are dropped until it leaves.
        """
        if self.is_closing():
            return
        self._closed_at = self._loop.time()
        if self._still_sending():
            self._transport.resume_reading()
            self._transport.write_eof()
        else:
            self._transport.close()

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        self._transport.abort()

    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return self._transport.get_write_buffer_size()

    def seconds_closing(self, now: float) -> float:
        """How long ago ``close`` was called; 0 when it was not."""
        return 0.0 if self._closed_at is None else now - self._closed_at

    def seconds_without_progress(self, now: float) -> float:
        """How long bytes have waited without the client taking one, as far as calls of this show it."""
        unsent = self.unsent()
        taken = self._written - unsent - (self._in_kernel() if unsent else 0)
        if not unsent or taken != self._taken[0]:
            self._taken = taken, now
        return now - self._taken[1]

    def _in_kernel(self) -> int:
        """Bytes that the kernel has taken and the client has not, up to megabytes: they too are progress."""
        try:
            count = fcntl.ioctl(self.get_extra_info("socket"), termios.TIOCOUTQ, b"\0" * 4)
        except OSError:
            # Only Linux tells this of a socket; elsewhere what the kernel takes counts as taken.
            return 0
        return int.from_bytes(count, sys.byteorder)
