"""The services under load, seen from outside: which they are, whether they are there, whether they have
settled, and where their counters are.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from loadtest.client.asking import UnreachableError
from loadtest.client.counters import performance, under_way
from loadtest.client.published import describe, names_of
from loadtest.plan.request import RunRequest

_SETTLE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
# On one machine the services listen on ports that follow the gateway's.
_PORTS_BESIDE = 8
# Two answers to the same question, a moment apart, tell an uptime that differs by less.
_SAME_PROCESS_SECONDS = 2.0


class InterruptedEarlyError(Exception):
    """Somebody ended the run before its load began."""


def wait_for(
    request: RunRequest, interrupted: Sequence[int], tell: Callable[[str], None] = lambda _: None
) -> tuple[RunRequest, dict[str, str]]:
    """Waits until the services under load are known, describe their questions, tell their statistics and
    have their models loaded. Returns the request with the services' names in it, and the models by service.
    `tell` hears for whom it waits, and why.

    Raises UnreachableError when time is up, InterruptedEarlyError when a signal came.
    """
    until = time.monotonic() + request.wait
    told = ""
    while True:
        try:
            found = replace(request, service=request.service or names_of(request.target))
            models = {service: _model(found.target, service) for service in found.service}
        except UnreachableError as error:
            if interrupted:
                raise InterruptedEarlyError from error
            if time.monotonic() >= until:
                raise
            if str(error) != told:
                told = str(error)
                tell(told)
            time.sleep(min(_LOOK_SECONDS, max(0.05, until - time.monotonic())))
        else:
            if interrupted:
                raise InterruptedEarlyError
            return found, models


def _model(target: str, service: str) -> str:
    """The model that a service answers with. Raises UnreachableError while it is away or loading."""
    told = performance(target, service)
    if told.get("kv_total") == 0:
        raise UnreachableError(f"{target}/{service}: the model is still loading")
    describe(target, service)
    return str(told.get("model", ""))


def counter_addresses(request: RunRequest) -> list[str]:
    """Where the services' counters are asked for: as told, else the services' own ports where they are on
    this machine, else the target itself, which may know one of the two sources only.
    """
    if request.counters:
        return list(request.counters)
    own = [_own_port(request.target, service) for service in request.service]
    return [address for address in own if address] if all(own) else [request.target]


def _own_port(target: str, service: str) -> str | None:
    """The address of a service's own listener beside a gateway on this machine: there the same process
    answers, which its uptime shows.
    """
    parts = urlsplit(target)
    if parts.hostname not in _THIS_MACHINE or parts.port is None:
        return None
    for port in range(parts.port + 1, min(parts.port + 1 + _PORTS_BESIDE, 65_536)):
        address = f"http://127.0.0.1:{port}"
        try:
            behind, beside = performance(target, service), performance(address, service)
        except UnreachableError:
            continue
        uptimes = [told.get("uptime_seconds") for told in (behind, beside)]
        first, second = (value if isinstance(value, int | float) else None for value in uptimes)
        if first is not None and second is not None and abs(second - first) < _SAME_PROCESS_SECONDS:
            return address
    return None


def settle(counters: Sequence[str], services: Sequence[str]) -> None:
    """Lets the services at these addresses finish counting what has just ended."""
    until = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < until and under_way(counters, services):
        time.sleep(0.2)
