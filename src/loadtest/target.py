"""The services under load, seen from outside: whether they are there, and whether they have settled."""

import time
from collections.abc import Callable, Sequence

from loadtest.counters import UnreachableError, performance, scrape
from loadtest.request import Request

_SETTLE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# Ports of the services themselves beside a gateway on one machine.
_OWN_PORTS = {"office": 8002, "character": 8003}


class InterruptedEarlyError(Exception):
    """Somebody ended the run before its load began."""


def wait_for(
    request: Request, interrupted: Sequence[int], tell: Callable[[str], None] = lambda _: None
) -> dict[str, str]:
    """Waits until every service under load tells its statistics and has its model loaded; the models by
    service. `tell` hears once for whom it waits, and why.

    Raises UnreachableError when time is up, InterruptedEarlyError when a signal came.
    """
    until = time.monotonic() + request.wait_seconds
    models: dict[str, str] = {}
    for service in request.services:
        told = False
        while service not in models:
            try:
                models[service] = _model(request, service)
            except UnreachableError as error:
                if interrupted:
                    raise InterruptedEarlyError from error
                if time.monotonic() >= until:
                    raise
                if not told:
                    tell(str(error))
                told = True
                time.sleep(min(_LOOK_SECONDS, max(0.05, until - time.monotonic())))
    if interrupted:
        raise InterruptedEarlyError
    return models


def _model(request: Request, service: str) -> str:
    """The model that a service answers with. Raises UnreachableError while it is away or loading."""
    told = performance(request.target, service)
    if told.get("kv_total") == 0:
        raise UnreachableError(f"{request.target}/{service}: the model is still loading")
    return str(told.get("model", ""))


def counter_addresses(request: Request) -> list[str]:
    """Where the services' counters are asked for: as told, else the suite's own ports on this machine, else
    the target itself, which may know one of the two sources only.
    """
    if request.counters:
        return list(request.counters)
    own = []
    if request.target.startswith(("http://127.0.0.1:8001", "http://localhost:8001")):
        for service in request.services:
            base = f"http://127.0.0.1:{_OWN_PORTS[service]}"
            if scrape([base], [service]):
                own.append(base)
    return own if len(own) == len(request.services) else [request.target]


def settle(request: Request) -> None:
    """Lets the services finish counting what has just ended."""
    until = time.monotonic() + _SETTLE_SECONDS
    for service in request.services:
        while time.monotonic() < until:
            try:
                if not performance(request.target, service).get("active_requests"):
                    break
            except UnreachableError:
                pass
            time.sleep(0.2)
