"""The parent of a run: it alone owns the verdict, since a generator that dies cannot tell of it.

Order: is the target there, counters before, generators, progress, counters after, merge, arithmetic,
checks, goals, files, and the manifest as the very last.
"""

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import FrameType
from typing import Any

from loadtest import checks, merge, publish, reconcile, rooms, summary
from loadtest.counters import Count, UnreachableError, performance, scrape
from loadtest.generators import Generators
from loadtest.parts import Run
from loadtest.request import Request
from loadtest.slo import judge
from loadtest.tail import Tail
from loadtest.verdict import Exit, Verdict, decide

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_SETTLE_SECONDS = 10.0
# Ports of the services themselves beside a gateway on one machine.
_OWN_PORTS = {"office": 8002, "character": 8003}

Watcher = Callable[[Tail, float], None]


def run(request: Request, watch: Watcher) -> tuple[Verdict, dict[str, Any]]:
    """Runs the load test; `watch` is shown the live counts and elapsed seconds twice a second.

    Returns the verdict and the summary (empty when the target was not reachable).
    """
    try:
        models = wait_for(request)
    except UnreachableError as error:
        return Verdict(Exit.UNREACHABLE, (str(error),)), {}
    request.folder.mkdir(parents=True)
    identity = {**request.identity(), "models": models}
    publish.write_json(request.folder / publish.IDENTITY, identity)
    before, mark = scrape(counter_addresses(request), request.services), time.monotonic()
    with interruptible() as interrupted, closing(Generators(request)) as generators:
        _watch(request, generators, watch, interrupted)
        exit_codes = generators.exit_codes
        count = generators.count
    _settle(request)
    after = scrape(counter_addresses(request), request.services)
    between = time.monotonic() - mark
    found = merge.load(request.folder)
    merge.write(request.folder, found)
    verdict, written = _judge(
        request, found, identity, (before, after, between), count, exit_codes, interrupted=bool(interrupted)
    )
    if not request.keep_rooms:
        written["rooms"] = rooms.delete(request, found)
    publish.publish(request.folder, written, torn=sum(part.torn for part in found.parts))
    return verdict, written


def wait_for(request: Request) -> dict[str, str]:
    """Waits until every service under load tells its statistics and has its model loaded; the models by
    service.

    Raises UnreachableError when time is up.
    """
    until = time.monotonic() + request.wait_seconds
    models = {}
    for service in request.services:
        while (model := _model(request, service, last=time.monotonic() >= until)) is None:
            time.sleep(min(1.0, max(0.05, until - time.monotonic())))
        models[service] = model
    return models


def _model(request: Request, service: str, *, last: bool) -> str | None:
    """The model that a service answers with; None while it is away or loading, an error on the last try."""
    try:
        told = performance(request.target, service)
    except UnreachableError:
        if last:
            raise
        return None
    if told.get("kv_total") != 0:
        return str(told.get("model", ""))
    if last:
        raise UnreachableError(f"{request.target}/{service}: the model is still loading")
    return None


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


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT instead of dying of them, so that what was measured is still merged."""
    caught: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        caught.append(number)

    earlier = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _watch(request: Request, generators: Generators, watch: Watcher, interrupted: list[int]) -> None:
    tail, began, asked_to_stop = Tail(request.folder), time.monotonic(), False
    while generators.running:
        generators.release()
        tail.read()
        watch(tail, time.monotonic() - began)
        done = bool(interrupted) or (request.shape == "steps" and tail.knee_passed)
        if done and not asked_to_stop:
            generators.stop()
            asked_to_stop = True
        time.sleep(_LOOK_SECONDS)
    tail.read()
    watch(tail, time.monotonic() - began)


def _settle(request: Request) -> None:
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


def _judge(
    request: Request,
    found: Run,
    identity: dict[str, Any],
    counted: tuple[Sequence[Count], Sequence[Count], float],
    generators: int,
    exit_codes: Sequence[int],
    *,
    interrupted: bool,
) -> tuple[Verdict, dict[str, Any]]:
    analysis = summary.analyse(found)
    comparisons = reconcile.compare(found.ended, found.opened, *counted)
    checked = checks.check_run(
        found,
        generators=generators,
        exit_codes=exit_codes,
        interrupted=interrupted,
        plan=request.plan(),
        comparisons=comparisons,
        most_lag=request.most_lag,
    )
    measures = analysis.measures()
    judged = [judge(goal, measures, prove=request.prove) for goal in request.goals]
    verdict = decide(analysis.attempts, checked, judged)
    written = {
        "run": identity,
        "verdict": {"exit": int(verdict.exit), "word": verdict.word, "reasons": list(verdict.reasons)},
        **summary.build(analysis, request.good_seconds),
        "goals": [summary.plain(goal) for goal in judged],
        "checks": [summary.plain(check) for check in checked],
        "counters": [summary.plain(comparison) for comparison in comparisons],
    }
    return verdict, written
