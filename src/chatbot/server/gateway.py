"""The one-machine gateway: /office/ and /character/ to their service, every other path is the 404 page."""

from collections.abc import Mapping
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.api.notfound import not_found


class Gateway:
    """An ASGI application in front of the services' own; probes and metrics are not routed."""

    def __init__(self, services: Mapping[str, ASGIApp]) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI; only HTTP reaches this application."""
        path: str = scope["path"]
        name = path.split("/", 2)[1] if path.startswith("/") else ""
        service = self._services.get(name)
        if service is not None and path.startswith(f"/{name}/"):
            await service(scope, receive, send)
        elif service is not None:
            await RedirectResponse(f"/{name}/", 308)(scope, receive, send)
        else:
            response = not_found(Headers(scope=scope), self._services)
            response.headers["X-Request-Id"] = uuid4().hex
            await response(scope, receive, send)
