"""``chatbot balance``: passes the requests of services that have several pods to these."""

import asyncio
import logging
import re
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Annotated

import typer

from chatbot.domain.errors import StartupError
from chatbot.server.settings import load_settings

_log = logging.getLogger(__name__)

_SERVICE = re.compile(r"(?P<name>[a-z][a-z0-9]*)=(?P<host>[\w.-]+):(?P<port>\d{1,5})")
_SIZE = re.compile(r"(?P<number>\d{1,9})(?P<unit>[kKmM]?)")
_UNITS = {"": 1, "k": 1024, "m": 1024**2}


def _services(texts: list[str]) -> dict[str, tuple[str, int]]:
    """Host and port of each service, by its name."""
    found = {text: _SERVICE.fullmatch(text) for text in texts}
    for text, match in found.items():
        if match is None:
            raise StartupError(f"{text} is no service: write NAME=HOST:PORT, such as office=office-pods:8002")
    return {match["name"]: (match["host"], int(match["port"])) for match in found.values() if match}


def _bytes(size: str) -> int:
    """A size as nginx writes it."""
    match = _SIZE.fullmatch(size)
    if match is None:
        raise StartupError(f"--body-limit: {size} is no size such as 512k or 2m")
    return int(match["number"]) * _UNITS[match["unit"].lower()]


def balance(
    services: Annotated[list[str], typer.Argument(help="NAME=HOST:PORT of each; HOST resolves to its pods.")],
    port: Annotated[int, typer.Option(help="Port to listen on, on the loopback address.")] = 8082,
    body_limit: Annotated[str, typer.Option(help="Most bytes of a body, as nginx writes it.")] = "2m",
) -> None:
    """Pass requests to the pod that can begin them; runs beside the gateway's nginx in the cluster."""
    import uvloop

    from chatbot.server.logging import set_up_logging

    settings = load_settings()
    set_up_logging(settings.log_format, settings.log_level)
    names, limit = _services(services), _bytes(body_limit)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(names, port, limit, settings.drain_seconds))


async def _serve(
    services: Mapping[str, tuple[str, int]], port: int, body_bytes: int, drain_seconds: float
) -> None:
    """Serve until a signal comes; then finish what is under way, for ``drain_seconds`` at most."""
    from chatbot.balancing.balancer import Balancer
    from chatbot.balancing.pods import Pods, resolver
    from chatbot.server.listening import BoundedServer
    from chatbot.server.logging import log_loop_errors
    from chatbot.server.sockets import limits_of, listen

    loop = asyncio.get_running_loop()
    log_loop_errors(loop)
    bound = listen("127.0.0.1", port, "--port")
    pods = {name: Pods(resolver(*place)) for name, place in services.items()}
    await asyncio.gather(*(each.refresh() for each in pods.values()))
    # Each request has a connection to its pod as well.
    server = BoundedServer(Balancer(pods, body_bytes), name="balancer", limits=limits_of(2))
    stop = asyncio.Event()
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
            stack.callback(loop.remove_signal_handler, number)
        for each in pods.values():
            stack.callback(asyncio.create_task(each.watch()).cancel)
        serving = asyncio.create_task(server.serve([bound]))
        _log.info("balancing", extra={"port": bound.getsockname()[1], "services": sorted(services)})
        stopping = asyncio.create_task(stop.wait())
        stack.callback(stopping.cancel)
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        settling = asyncio.create_task(server.settle())
        await asyncio.wait((settling,), timeout=drain_seconds)
        server.should_exit = True
        await serving
