"""What holds for every path: HEAD is answered as GET, no escape forges a separator, and what no route takes
gets a true answer.
"""

import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.api.openai.failures import OpenAIRoute

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FORGED = re.compile(rb"%(?:2f|5c|7f|[01][0-9a-f])", re.IGNORECASE)
"""An escaped slash, backslash or control character: decoded, it would stand for what the sender did not
write, and two servers could read two paths."""


class PlainRequest:
    """Shows the application a request as its routes can take it.

    HEAD arrives as GET and its answer leaves without the body (RFC 9110 §9.3.2). A path with an escape that
    would forge a separator stays as it was sent, so that it is the path of no route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        sent_path: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and _FORGED.search(sent_path):
            scope = {**scope, "path": sent_path.decode("ascii", "replace")}
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


class Unmatched:
    """The application behind all routes: 405 when the path takes other methods, else what is absent there."""

    def __init__(self, routes: Sequence[BaseRoute], absent: Callable[[Scope], NoReturn]) -> None:
        """``routes`` are all others; ``absent`` raises what a path is answered that none of them has."""
        self._routes = routes
        self._absent = absent

    async def __call__(self, scope: Scope, _: Receive, __: Send) -> None:
        """Speak ASGI."""
        methods = [method for method in _METHODS if self._takes(scope, method)]
        if not methods:
            self._absent(scope)
        if "GET" in methods:
            methods.insert(1, "HEAD")
        raise HTTPException(405, headers={"Allow": ", ".join(methods)})

    def _takes(self, scope: Scope, method: str) -> bool:
        asked = {name: scope[name] for name in ("type", "path", "headers")} | {"method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in self._routes)


class UnmatchedRoute(Route):
    """Every path below ``prefix`` that reaches it, with every method."""

    def __init__(self, prefix: str, unmatched: Unmatched, alike: type[OpenAIRoute] | None = None) -> None:
        """Failures have the form and language of the routes ``alike``; None: of the suite's own."""
        super().__init__(f"{prefix}/{{path:path}}", unmatched, include_in_schema=False)
        if alike is not None:
            self.failure_body = alike.failure_body
            self.usual_language = alike.usual_language

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Route, and named in the scope, as FastAPI does with its own routes."""
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self}
