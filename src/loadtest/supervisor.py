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

from loadtest import judgement, merge, publish, rooms
from loadtest.counters import UnreachableError, scrape
from loadtest.generators import Generators
from loadtest.interrupts import interruptible
from loadtest.judgement import Evidence, judge_run
from loadtest.reasons import Reason, because
from loadtest.request import Request, WrongUsageError
from loadtest.tail import Tail
from loadtest.target import InterruptedEarlyError, counter_addresses, settle, wait_for
from loadtest.verdict import Exit, Verdict

_LOOK_SECONDS = 0.5


class Watcher(Protocol):
    """Who is shown how a run goes."""

    def __call__(self, tail: Tail, elapsed: float) -> None:
        """The live counts, twice a second."""

    def tell(self, text: str) -> None:
        """A sentence about what happens now."""


class NotStoredError(Exception):
    """A file of the run could not be written; the message says which and why."""


def run(request: Request, watch: Watcher) -> tuple[Verdict, dict[str, Any]]:
    """Runs the load test.

    Returns the verdict and the summary (empty when no load was put on the target).
    """
    with interruptible() as interrupted:
        try:
            models = wait_for(request, interrupted, watch.tell)
            identity = {**request.identity(), "models": models}
            _prepare(request, identity)
            before, mark = scrape(counter_addresses(request), request.services), time.monotonic()
            with _storing("locust.log"):
                generators = Generators(request)
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
        settle(request)
        after = scrape(counter_addresses(request), request.services)
        evidence = Evidence(
            before, after, time.monotonic() - mark, generators.count, exit_codes, interrupted=stopped
        )
        identity["finished"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return _conclude(request, identity, evidence)


def _prepare(request: Request, identity: dict[str, Any]) -> None:
    """Makes the folder, and shows the run in the list before it begins."""
    with _storing("run.json"):
        try:
            request.folder.mkdir(parents=True)
        except FileExistsError as error:
            raise WrongUsageError(f"{request.folder} exists; two runs never share a folder") from error
        publish.write_json(request.folder / publish.IDENTITY, identity)
    with _storing("runs.json"):
        publish.index(request.results)


def _watch(request: Request, generators: Generators, watch: Watcher, interrupted: list[int]) -> None:
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
    request: Request, identity: dict[str, Any], evidence: Evidence
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
