"""A uvicorn server of one listener: bounded connections, probes first, and an end that others decide."""

import asyncio
import ipaddress
import logging
import math
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.api import texts
from chatbot.api.health import PROBES
from chatbot.server.connections import BoundedHttpProtocol
from chatbot.server.limits import HttpLimits
from chatbot.server.listener_state import ListenerState

_log = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
"""How often uvicorn calls ``on_tick``."""
_BACKLOG = 2048
"""Connections that may wait to be accepted."""
_LAST_SECONDS = 1
"""What is left, after the end was told, to an answer that is still under way."""
_RETRY_SECONDS = 5
"""When a client may come back that found the listener full."""


def _as_ipv6(networks: Sequence[str]) -> list[str]:
    """The IPv4 networks as a socket of both families names their addresses (``::ffff:10.0.0.1``)."""
    read = [ipaddress.ip_network(each) for each in networks]
    return [f"::ffff:{each.network_address}/{96 + each.prefixlen}" for each in read if each.version == 4]


class ProbesFirst:
    """An application that refuses users when they have all the requests they may have; probes always pass."""

    def __init__(self, app: ASGIApp, state: ListenerState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI; only HTTP reaches this application."""
        if len(self._state.tasks) <= self._state.limits.requests or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        self._state.turned_away()
        languages = b",".join(value for name, value in scope["headers"] if name == b"accept-language")
        detail = texts.pick(texts.STATUS[503], texts.language_of_header(languages.decode("latin-1")))
        headers = {"Retry-After": str(_RETRY_SECONDS), "Connection": "close"}
        await JSONResponse({"detail": detail}, 503, headers)(scope, receive, send)


class BoundedServer(uvicorn.Server):
    """Serves one application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        name: str = "",
        limits: HttpLimits | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """``name`` is for the log; ``trusted_proxies`` are networks whose ``X-Forwarded-For`` is believed."""
        self._limits = limits or HttpLimits()
        self._name = name
        state = ListenerState(name, self._limits)
        super().__init__(
            uvicorn.Config(
                ProbesFirst(app, state),
                http=BoundedHttpProtocol,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=[*trusted_proxies, *_as_ipv6(trusted_proxies)],
                backlog=_BACKLOG,
                timeout_keep_alive=math.ceil(self._limits.idle_seconds),
                timeout_graceful_shutdown=_LAST_SECONDS,
            )
        )
        self.server_state: ListenerState = state

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: one process has several servers and one end."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections; see uvicorn."""
        if counter % max(1, round(self._limits.patrol_seconds / _TICK_SECONDS)) == 0:
            now = asyncio.get_running_loop().time()
            for connection in self._connections():
                connection.check(now)
        return await super().on_tick(counter)

    async def settle(self) -> None:
        """Close each connection that is open now after the answer under way; return when all are gone.

        New ones may come meanwhile.
        """
        leaving = self._connections()
        for connection in leaving:
            connection.shutdown()
        if leaving:
            await asyncio.wait([connection.ended for connection in leaving])

    def cut(self) -> None:
        """Cut every connection; what clients have not taken is lost."""
        connections = self._connections()
        if connections:
            _log.warning("connections_cut", extra={"listener": self._name, "count": len(connections)})
        for connection in connections:
            connection.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more and end; see uvicorn."""
        await super().shutdown(sockets)
        self.cut()

    def _connections(self) -> list[BoundedHttpProtocol]:
        return [each for each in self.server_state.connections if isinstance(each, BoundedHttpProtocol)]
