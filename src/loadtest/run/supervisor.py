"""The parent of a run: it alone owns the verdict, since a generator that dies cannot tell of it.

Order: is the target there, counters before, generators, progress, counters after, merge, arithmetic,
checks, goals, files, and the manifest as the very last. A signal ends the load and nothing else: what was
measured is merged and judged. A disk that takes no more files costs the files, not the verdict.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from loadtest.client.asking import UnreachableError
from loadtest.client.counters import scrape
from loadtest.judge import judgement
from loadtest.judge.judgement import Evidence, judge_run
from loadtest.judge.reasons import Reason, because
from loadtest.judge.verdict import Exit, Verdict
from loadtest.plan.flags import WrongUsageError
from loadtest.plan.request import RunRequest
from loadtest.record import merge
from loadtest.report import publish
from loadtest.run import rooms
from loadtest.run.interrupts import interruptible
from loadtest.run.processes import GeneratorProcesses
from loadtest.run.tail import Tail
from loadtest.run.target import InterruptedEarlyError, counter_addresses, settle, wait_for

_LOOK_SECONDS = 0.5


class Watcher(Protocol):
    """Who is shown how a run goes."""

    def __call__(self, tail: Tail, elapsed: float) -> None:
        """The live counts, twice a second."""

    def tell(self, text: str) -> None:
        """A sentence about what happens now."""


class NotStoredError(Exception):
    """A file of the run could not be written; the message says which and why."""


def run(request: RunRequest, watch: Watcher) -> tuple[Verdict, dict[str, Any]]:
    """Runs the load test.

    Returns the verdict and the summary (empty when no load was put on the target).
    """
    with interruptible() as interrupted:
        try:
            request, models = wait_for(request, interrupted, watch.tell)
            identity = {**request.identity(), "models": models}
            _prepare(request, identity)
            counters = counter_addresses(request)
            before, mark = scrape(counters, request.service), time.monotonic()
            with _storing("locust.log"):
                generators = GeneratorProcesses(request)
        except UnreachableError as error:
            return Verdict(Exit.UNREACHABLE, (because("told", text=str(error)),)), {}
        except InterruptedEarlyError:
            return Verdict(Exit.INVALID, (because("told", text="interrupted before the load began"),)), {}
        except NotStoredError as error:
            return Verdict(Exit.INVALID, (_storage(str(error)),)), {}
        with closing(generators):
            _watch(request, generators, watch, interrupted)
            exit_codes = generators.exit_codes
        stopped = bool(interrupted)
        settle(counters, request.service)
        after = scrape(counters, request.service)
        evidence = Evidence(
            before, after, time.monotonic() - mark, generators.count, exit_codes, interrupted=stopped
        )
        identity["finished"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return _conclude(request, identity, evidence)


def _prepare(request: RunRequest, identity: dict[str, Any]) -> None:
    """Makes the folder, and shows the run in the list before it begins."""
    with _storing("run.json"):
        try:
            request.folder.mkdir(parents=True)
        except FileExistsError as error:
            raise WrongUsageError(f"{request.folder} exists; two runs never share a folder") from error
        publish.write_json(request.folder / publish.IDENTITY, identity)
    with _storing("runs.json"):
        publish.index(request.results)


def _watch(
    request: RunRequest, generators: GeneratorProcesses, watch: Watcher, interrupted: list[int]
) -> None:
    tail, began, asked_to_stop = Tail(request.folder), time.monotonic(), False
    while generators.running:
        try:
            generators.release()
        except OSError as error:
            watch.tell(f"the generators cannot be told to begin: {error}")
            generators.stop()
        tail.read()
        watch(tail, time.monotonic() - began)
        done = bool(interrupted) or (request.shape == "steps" and tail.knee_passed)
        if done and not asked_to_stop:
            generators.stop()
            asked_to_stop = True
            if interrupted:
                watch.tell("what has begun may finish; a second signal cuts it off")
        if len(interrupted) > 1:
            generators.kill()
        time.sleep(_LOOK_SECONDS)
    tail.read()
    watch(tail, time.monotonic() - began)


def _conclude(
    request: RunRequest, identity: dict[str, Any], evidence: Evidence
) -> tuple[Verdict, dict[str, Any]]:
    """Merges, judges and publishes."""
    found = merge.load(request.folder)
    verdict, written = judge_run(request, found, identity, evidence)
    if not request.keep_rooms:
        written["rooms"] = rooms.delete(request, found)
    try:
        with _storing("results"):
            merge.write(request.folder, found)
            publish.publish(request.folder, written, torn=sum(part.torn for part in found.parts))
    except NotStoredError as error:
        reason = _storage(f"{error}; with room again, `loadtest report {request.folder}` makes the files")
        verdict = replace(verdict, exit=Exit.INVALID, reasons=(reason, *verdict.reasons))
        written["verdict"] = judgement.told(verdict)
    return verdict, written


def _storage(text: str) -> Reason:
    return Reason("told", {"text": text}, "storage")


@contextmanager
def _storing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotStoredError(f"{error.filename or what} could not be written: {error.strerror}") from error
