"""Runs the servers of one process and ends them without losing an answer.

uvicorn closes its listener at once on SIGTERM, so whoever comes during the drain would meet a refused
connection. Here the listeners stay open until the last answer is stored: newcomers get 503 with
Retry-After, and only then the servers are told to stop.
"""

import asyncio
import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from chatbot.api.app import create_app
from chatbot.domain.errors import StartupError
from chatbot.domain.messages import ServiceName
from chatbot.server.gateway import Gateway
from chatbot.server.logging import log_loop_errors
from chatbot.server.settings import Settings
from chatbot.server.slow_clients import BoundedHttpProtocol
from chatbot.server.wiring import Suite, open_suite

_log = logging.getLogger(__name__)
_BACKLOG = 2048
"""Connections that may wait to be accepted, as uvicorn's own default."""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the signals to this module."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound address and the application behind it."""

    name: str
    socket: socket.socket
    app: ASGIApp

    @property
    def address(self) -> str:
        """The address as a URL, port included."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _listen(host: str, port: int, variable: str) -> socket.socket:
    """Listen before anything is loaded: a taken port is one sentence at once, early clients wait a moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        # Two sockets may be bound to one port as long as neither listens.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        hint = (
            f"end what uses it, or set {variable}" if error.errno == errno.EADDRINUSE else "set CHATBOT_HOST"
        )
        if error.errno == errno.EACCES:
            hint = f"set {variable} to a port above 1023"
        raise StartupError(f"cannot listen on {host}:{port} ({error.strerror}): {hint}") from None
    return bound


def _server(app: ASGIApp, settings: Settings) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=BoundedHttpProtocol,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=75,
        )
    )


async def serve(
    settings: Settings,
    names: Sequence[ServiceName],
    *,
    gateway: bool,
    tell: Callable[[str], None],
    on_ready: Callable[[Sequence[Listener]], None],
) -> None:
    """Serve until a signal comes, then drain and return.

    Each service listens on its own port; with ``gateway`` the gateway listens too and the services' own
    ports stay on the loopback address. ``tell`` gets progress, ``on_ready`` the listeners once every
    model is loaded.

    Raises:
        StartupError: a port is taken, a model cannot be loaded, or a setting is wrong.
    """
    log_loop_errors(asyncio.get_running_loop())
    own_host = "127.0.0.1" if gateway else settings.host
    sockets = {
        name: _listen(own_host, settings.service(name).port, f"CHATBOT_{name.upper()}__PORT")
        for name in names
    }
    front = _listen(settings.host, settings.port, "CHATBOT_PORT") if gateway else None
    async with open_suite(settings, names, tell) as suite:
        apps: dict[str, ASGIApp] = {
            str(name): create_app(state, settings.cors_origins) for name, state in suite.services.items()
        }
        listeners = [Listener(str(name), sockets[name], apps[str(name)]) for name in names]
        if front is not None:
            listeners.insert(0, Listener("gateway", front, Gateway(apps)))
        await _run(settings, suite, listeners, tell, on_ready)


async def _run(
    settings: Settings,
    suite: Suite,
    listeners: Sequence[Listener],
    tell: Callable[[str], None],
    on_ready: Callable[[Sequence[Listener]], None],
) -> None:
    servers = [_server(listener.app, settings) for listener in listeners]
    # Modules and schemas are here to stay: no later collection looks at them again.
    gc.freeze()
    gc.enable()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            for server in servers:
                server.force_exit = True
                server.should_exit = True
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)

    async def announce() -> None:
        await suite.wait_loaded()
        on_ready(listeners)

    async def end() -> None:
        await stopping.wait()
        tell("finishing the answers under way; a second signal stops at once")
        _log.info("draining")
        drain = asyncio.create_task(suite.drain(settings.drain_seconds))
        while not drain.done() and not any(server.force_exit for server in servers):
            await asyncio.wait((drain,), timeout=0.1)
        drain.cancel()
        for server in servers:
            server.should_exit = True

    announcing = asyncio.create_task(announce())
    ending = asyncio.create_task(end())
    serving = [
        asyncio.create_task(server.serve(sockets=[listener.socket]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    try:
        done, _ = await asyncio.wait((announcing, *serving), return_when=asyncio.FIRST_COMPLETED)
        if announcing in done and announcing.exception() is not None:
            stopping.set()
            await asyncio.wait(serving)
            announcing.result()
        await asyncio.gather(*serving)
    finally:
        for task in (announcing, ending):
            task.cancel()
        await asyncio.gather(announcing, ending, return_exceptions=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
