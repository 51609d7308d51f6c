"""Runs the listeners of one process and ends them without losing an answer.

The listeners stay open until the last answer is stored and sent: whoever comes during the drain gets 503 with
Retry-After instead of a refused connection.
"""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp

from chatbot.api.app import create_app
from chatbot.domain.service_names import ServiceName
from chatbot.server.gateway import Gateway
from chatbot.server.listening import BoundedServer
from chatbot.server.logging import log_loop_errors
from chatbot.server.settings import Settings
from chatbot.server.sockets import limits_of, listen
from chatbot.server.wiring import Suite, open_suite

_log = logging.getLogger(__name__)


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
        name: listen(own_host, settings.service(name).port, f"CHATBOT_{name.upper()}__PORT") for name in names
    }
    front = listen(settings.host, settings.port, "CHATBOT_PORT") if gateway else None
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
    limits = limits_of(len(listeners))
    servers = [
        BoundedServer(
            listener.app, name=listener.name, limits=limits, trusted_proxies=settings.trusted_proxies
        )
        for listener in listeners
    ]
    # Modules and schemas are here to stay: no later collection looks at them again.
    gc.freeze()
    gc.enable()
    signals = _Signals(suite.reload_keys)
    serving = [
        asyncio.create_task(server.serve([listener.socket]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    loading = asyncio.create_task(suite.wait_loaded())
    stopping = asyncio.create_task(signals.first.wait())
    try:
        await asyncio.wait((loading, stopping, *serving), return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()
            on_ready(listeners)
            await asyncio.wait((stopping, *serving), return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            tell("finishing the answers under way; a second signal stops at once")
            _log.info("draining")
            await _drain(suite, servers, settings.drain_seconds, signals.second)
    finally:
        for task in (loading, stopping):
            task.cancel()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
        signals.remove()


async def _drain(
    suite: Suite, servers: Sequence[BoundedServer], seconds: float, hurry: asyncio.Event
) -> None:
    """Return when every answer under way is stored and taken, at ``hurry``, or after so many seconds.

    What is still open then is cut.
    """
    until = asyncio.get_running_loop().time() + seconds

    async def finish() -> bool:
        await suite.drain(seconds)
        try:
            async with asyncio.timeout_at(until):
                await asyncio.gather(*(server.settle() for server in servers))
        except TimeoutError:
            return False
        return True

    finishing, hurrying = asyncio.create_task(finish()), asyncio.create_task(hurry.wait())
    await asyncio.wait((finishing, hurrying), return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not (finishing.done() and finishing.result()):
        finishing.cancel()
        for server in servers:
            server.cut()


class _Signals:
    """What the operator's signals ask of this process."""

    def __init__(self, reload: Callable[[], None]) -> None:
        """``reload`` is called at each SIGHUP, which would end the process otherwise."""
        self.first = asyncio.Event()
        """Set by the first SIGINT or SIGTERM: finish and leave."""
        self.second = asyncio.Event()
        """Set by the next one: leave at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, reload)

    def _stop(self) -> None:
        (self.second if self.first.is_set() else self.first).set()

    def remove(self) -> None:
        """Give the signals back."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)
