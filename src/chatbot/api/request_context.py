"""What every request gets: a request id, its arrival time, security headers, one line in the log.

Every line that is logged on behalf of the request carries its id.
Plain ASGI: Starlette's BaseHTTPMiddleware hides disconnects from the application.
"""

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.api.errors import to_response
from chatbot.api.health import PROBES
from chatbot.core.statistics import Statistics
from chatbot.domain.telemetry import REQUEST_ID

_log = logging.getLogger("chatbot.access")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ODD_IN_PATH = re.compile(r"[^A-Za-z0-9._~/-]")
_PATH_CHARS = 200


class RequestContext:
    """Wraps an application; the path is logged without its query, which may name a user."""

    def __init__(self, app: ASGIApp, statistics: Statistics) -> None:
        self._app = app
        self._statistics = statistics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = time.monotonic()
        sent_id = Headers(scope=scope).get("x-request-id", "")
        request_id = sent_id if _SANE_ID.fullmatch(sent_id) else uuid4().hex
        scope.setdefault("state", {}).update(request_id=request_id, arrived=arrived)
        token = REQUEST_ID.set(request_id)
        try:
            await self._answer(scope, receive, send, request_id, arrived)
        finally:
            REQUEST_ID.reset(token)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, arrived: float
    ) -> None:
        status = 0

        async def send_with_context(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
            await send(message)

        self._statistics.active_connections += 1
        try:
            await self._app(scope, receive, send_with_context)
        except Exception as error:
            # Answered here and not by Starlette's outermost layer, so that a 500 carries its request id.
            if status:
                raise
            await to_response(Request(scope), error)(scope, receive, send_with_context)
        finally:
            self._statistics.active_connections -= 1
            if scope["path"] not in PROBES:
                _log.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        # Somebody may have typed a question, or terminal codes, into the address.
                        "path": _ODD_IN_PATH.sub("?", scope["path"][:_PATH_CHARS]),
                        "status": status,
                        "seconds": round(time.monotonic() - arrived, 4),
                    },
                )
