"""One connection of a listener: uvicorn's h11 protocol with a bound on everything that its client decides."""

import asyncio
import json
import math
from typing import Any, cast

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from chatbot.api import texts
from chatbot.server.heads import CheckedConnection
from chatbot.server.listener_state import ListenerState
from chatbot.server.transport import CountingTransport


class BoundedHttpProtocol(H11Protocol):
    """Reads on while an answer is under way, so that a client that leaves is noticed at once whatever it has
    sent ahead; how much that may be is bounded instead.
    """

    transport: CountingTransport  # type: ignore[assignment]
    server_state: ListenerState

    def __init__(
        self,
        config: Config,
        server_state: ListenerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = server_state.limits
        self.conn: CheckedConnection = CheckedConnection(self._limits.head_bytes)
        self.ended: asyncio.Future[None] = self.loop.create_future()
        """Done when the connection has ended."""
        self._ahead = bytearray()
        """What came after a complete request that is being answered."""
        self._deaf = False
        """Whether everything that the client still sends is dropped."""
        self._in_head = True
        """Whether a head is waited for since ``_deadline`` was set for it."""
        self._deadline = math.inf
        """When the connection is cut if it is still what it is now: idle, in a head, in an answered body."""

    # What the event loop tells.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(
            cast("asyncio.Transport", CountingTransport(transport, self.loop, self._still_sending))
        )
        self._deadline = self.loop.time() + self._limits.head_seconds
        self.server_state.joined(self)

    def data_received(self, data: bytes) -> None:
        """Read requests, keep what is sent ahead of an answer, drop what nobody will read."""
        if self._deaf or self.transport.is_closing():
            return
        if self._answering and not self.cycle.more_body:
            self._ahead += data
            if len(self._ahead) > self._limits.early_bytes:
                # The client asks what is left unanswered again on another connection (RFC 9112 §9.3.2).
                self._ahead.clear()
                self._deaf = True
                self.cycle.keep_alive = False
            return
        if not self._answering and not self._in_head and self.conn.their_state is h11.IDLE:
            self._in_head = True
            self._deadline = self.loop.time() + self._limits.head_seconds
        super().data_received(data)
        self._look_where_it_stands()

    def eof_received(self) -> None:
        """The client left; what it has not taken yet is still offered to it."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._leave()
        self.server_state.lost(self)
        self.ended.set_result(None)

    # What uvicorn asks and tells.

    def _should_upgrade(self) -> bool:
        """No other protocol is spoken here; its offer may always be ignored (RFC 9110 §7.8)."""
        return False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (the library's own English sentence)
        """Refuse what is no acceptable request, in the API's own form."""
        if self._answering:
            if self.cycle.response_started:
                self.abort()
                return
            self._leave()
        self._deaf = True
        languages = [value for name, value in self.headers or [] if name == b"accept-language"]
        self.transport.write(_refusal(self.conn.refused_status, b",".join(languages).decode("latin-1")))
        self.transport.close()

    def on_response_complete(self) -> None:
        """Go on with what was sent ahead."""
        super().on_response_complete()
        if self._ahead and not self._deaf:
            ahead, self._ahead = bytes(self._ahead), bytearray()
            self.data_received(ahead)
        self._look_where_it_stands()

    def shutdown(self) -> None:
        """Close now, or after the answer under way."""
        if not self.transport.is_closing():
            super().shutdown()

    # What the listener asks.

    def check(self, now: float) -> None:
        """Cut the connection if one of its time limits is over; ``now`` is the loop's time."""
        stalled = self.transport.seconds_without_progress(now) > self._limits.write_seconds
        lingering = self.transport.seconds_closing(now) > self._limits.linger_seconds
        if stalled or ((lingering or now > self._deadline) and not self.transport.unsent()):
            self.abort()

    def abort(self) -> None:
        """Cut the connection; what the client has not taken is lost."""
        self.transport.abort()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _still_sending(self) -> bool:
        return self._deaf or self.conn.their_state is h11.SEND_BODY

    def _leave(self) -> None:
        self._deaf = True
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.flow.resume_writing()

    def _look_where_it_stands(self) -> None:
        """After anything was read or answered: note whether the connection is busy, idle, or in a message."""
        if self._answering:
            self.server_state.occupied(self)
            self._in_head, self._deadline = False, math.inf
            if not self.cycle.more_body:
                # uvicorn stops reading at a second request, and would not notice that the client leaves.
                self.flow.resume_reading()
        else:
            self.server_state.freed(self)
            if self.conn.their_state is h11.SEND_BODY and self._deadline == math.inf:
                self._deadline = self.loop.time() + self._limits.head_seconds
            elif self.conn.their_state is h11.IDLE and not self._in_head:
                self._deadline = self.loop.time() + self._limits.idle_seconds


def _refusal(status: int, accept_language: str) -> bytes:
    """A whole answer in the API's own form, after which the connection ends."""
    sentences = texts.STATUS if status != 400 else {}
    detail = texts.pick(
        sentences.get(status, texts.MALFORMED_HTTP), texts.language_of_header(accept_language)
    )
    body = json.dumps({"detail": detail}, ensure_ascii=False).encode()
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return b"HTTP/1.1 %d %s\r\n" % (status, STATUS_PHRASES[status]) + head.encode() + body
