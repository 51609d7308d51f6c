"""What uvicorn leaves unbounded: a request head that never ends, in time (slowloris) or in bytes.

Slow bodies are bounded in api/body.py, idle kept-alive connections by uvicorn itself. What is no HTTP is told
so in the API's own form. uvicorn stays whatever else changes here: docs/decisions/10-http-server.md.
"""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from chatbot.api import texts

HEAD_SECONDS = 30.0
HEAD_BYTES = 64 * 1024
_REST_BYTES = 1024 * 1024
"""After the head: a body of 64 KiB in chunks of one byte fits; a trailer without end does not."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits from connection, or first byte, to the end of a request."""

    _waiting: asyncio.TimerHandle | None = None
    _unfinished = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to no complete head and no complete request yet."""
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > (_REST_BYTES if self._waiting is None else HEAD_BYTES):
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a further request on the same connection."""
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers come when the request is answered already, and nobody reads them."""
        if self._waiting is not None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._stop_waiting()
        self._unfinished = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self._unfinished = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left by itself."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (the library's own English sentence)
        """Tell the client that it does not speak HTTP."""
        self._refuse(400)

    def _refuse(self, status: int) -> None:
        languages = [value for name, value in self.headers or [] if name == b"accept-language"]
        language = texts.language_of_header(b",".join(languages).decode("latin-1"))
        detail = texts.pick(texts.MALFORMED_HTTP if status == 400 else texts.STATUS[status], language)
        body = json.dumps({"detail": detail}, ensure_ascii=False).encode()
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\n"
            + f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        self.transport.close()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
