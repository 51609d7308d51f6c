"""Streams that can be gone on with: what an answer has sent is kept while it runs and some minutes after it.

An answer that is finished in any case (X-Finish) is written here, and every connection follows what is
written, the first one too. So who was cut off goes on with the event behind the last one that it saw.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator
from uuid import UUID

from chatbot.domain.history import Room

KEPT_SECONDS = 600.0
"""How long an answer that has ended can be read again."""

_MOST_BYTES = 32 * 2**20
"""Of all streams of a service: some hundred of the longest answers."""

_EVENT = 80
"""Bytes of an event beside its text: the object and its place in the list."""


class KeptStream:
    """What one answer has sent; events are counted from 1."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(16)
        """128 random bits."""
        self.events: list[bytes] = []
        self.size = 0
        """Bytes of memory, about."""
        self.ended = False
        self._news = asyncio.Event()

    def add(self, event: bytes) -> None:
        """Append an event of a stream (WHATWG HTML §9.2); it is given its number as its id."""
        self.events.append(b"id: %d\n%b" % (len(self.events) + 1, event))
        self.size += len(self.events[-1]) + _EVENT
        self._tell()

    def end(self) -> None:
        """Nothing comes behind what is there."""
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def behind(self, number: int) -> AsyncGenerator[bytes, None]:
        """Yield the events behind that one, those to come too, until the answer has ended."""
        while True:
            news = self._news
            while number < len(self.events):
                number += 1
                yield self.events[number - 1]
            if self.ended:
                return
            if number == len(self.events):
                await news.wait()


class KeptStreams:
    """The streams of one service that can be gone on with, by their ids; bounded in memory.

    When they are too large, those that ended first are forgotten first, then the oldest that run: those go on
    for whoever follows them.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._running: OrderedDict[str, tuple[Room, KeptStream]] = OrderedDict()
        self._ended: OrderedDict[str, tuple[Room, KeptStream]] = OrderedDict()

    def open(self, room: Room) -> KeptStream:
        """A new stream that the user of the room may go on with."""
        stream = KeptStream()
        self._running[stream.id] = room, stream
        self._bound()
        return stream

    def ended(self, stream: KeptStream) -> None:
        """The stream has ended; it is forgotten in ten minutes."""
        if stream.id in self._running:
            self._ended[stream.id] = self._running.pop(stream.id)
            self._bound()
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._ended.pop, stream.id, None)

    def find(self, id_: str, user_id: str) -> KeptStream | None:
        """The stream of this id; None where there is none, or it is another user's."""
        found = self._running.get(id_) or self._ended.get(id_)
        return found[1] if found and found[0].user_id == user_id else None

    def forget(self, user_id: str, db_id: UUID | None = None) -> None:
        """Forget the streams of a user's room, or of all, for their texts are being deleted."""
        for held in (self._running, self._ended):
            for id_, (room, _) in list(held.items()):
                if room.user_id == user_id and db_id in (None, room.db_id):
                    del held[id_]

    def _bound(self) -> None:
        listed = (*self._ended.values(), *self._running.values())
        size = sum(stream.size for _, stream in listed)
        for _, stream in listed:
            if size <= self._most_bytes:
                return
            size -= stream.size
            self._ended.pop(stream.id, None)
            self._running.pop(stream.id, None)
