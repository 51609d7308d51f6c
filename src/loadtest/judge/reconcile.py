"""Holds the rows against the services' own counters: rows = performance = metrics, to the last request.

A row whose answer carries the service's request id was counted under a known outcome. A request that never
got such an answer (cut off, timed out, still in flight, refused by a proxy) may have been counted under any
outcome or not at all; so each counter has a least and a most. Below the least the run is wrong; above the
most somebody else used the service, and then nothing can be proven either way.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loadtest.client.counters import OUTCOMES, Count
from loadtest.record.parts import Ended
from loadtest.record.rows import REFUSED

State = Literal["agree", "foreign", "mismatch", "restarted", "absent"]
SLACK_SECONDS = 3.0
_BY_STATUS = {REFUSED: "refused", 500: "failed", 502: "failed", 504: "failed"}
_NEVER_COUNTED = {401, 403, 404, 405, 413, 415, 422}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One service against one source of its counters."""

    service: str
    """Its name."""
    source: str
    """`performance` or `metrics`."""
    state: State
    """How the two stand to each other."""
    counted: dict[str, int]
    """What the service counted, by outcome and in `total`; empty where it said nothing."""
    least: dict[str, int]
    """What it must have counted, by the rows."""
    most: dict[str, int]
    """What it may have counted, by the rows."""


def compare(
    ended: Iterable[Ended],
    opened: Iterable[dict[str, Any]],
    before: Sequence[Count],
    after: Sequence[Count],
    seconds: float,
) -> list[Comparison]:
    """Compares for every service that was asked. `seconds`: between the two scrapes."""
    certain, possible = _expected(ended, opened)
    results = []
    for service in sorted(set(certain) | set(possible)):
        least = {name: certain[service][name] for name in OUTCOMES}
        most = {name: count + possible[service] for name, count in least.items()}
        least["total"] = sum(least[name] for name in OUTCOMES)
        most["total"] = least["total"] + possible[service]
        for source in ("performance", "metrics"):
            counted, restarted = _gained(service, source, before, after, seconds)
            state = _judge(counted, least, most, restarted=restarted)
            results.append(Comparison(service, source, state, counted or {}, least, most))
    return results


def _expected(
    ended: Iterable[Ended], opened: Iterable[dict[str, Any]]
) -> tuple[dict[str, Counter[str]], Counter[str]]:
    certain: dict[str, Counter[str]] = {}
    possible: Counter[str] = Counter()
    for item in ended:
        service, status = item.attempt.test_type, item.attempt.status_code
        counts = certain.setdefault(service, Counter())
        outcome = _outcome(item, status)
        if outcome is None:
            possible[service] += 1
        elif outcome:
            counts[outcome] += 1
    for start in opened:
        service = start["endpoint"].split("/")[1]
        certain.setdefault(service, Counter())
        possible[service] += 1
    return certain, possible


def _outcome(item: Ended, status: int) -> str | None:
    """The counter that must have moved; "" for none; None when it cannot be known."""
    # A stream is left at its first bad event, however the service counted it in the end.
    whole = item.attempt.success or item.attempt.failure_reason == "empty_answer"
    whole |= item.attempt.failure_reason == "bad_body" and not item.extras.get("stream")
    if "request_id" not in item.extras:
        return None
    if item.attempt.failure_reason == "deadline":
        return "failed"
    if status == 200:
        return "successful" if whole else None
    if status in _NEVER_COUNTED:
        return ""
    return _BY_STATUS.get(status)


def _gained(
    service: str, source: str, before: Sequence[Count], after: Sequence[Count], seconds: float
) -> tuple[dict[str, int] | None, bool]:
    """What the counters gained over all addresses, and whether a process was replaced meanwhile."""
    first = {count.key: count for count in before if (count.service, count.source) == (service, source)}
    last = {count.key: count for count in after if (count.service, count.source) == (service, source)}
    if not last:
        return None, bool(first)
    gained = dict.fromkeys(OUTCOMES, 0)
    restarted = set(first) != set(last)
    for key, count in last.items():
        earlier = first.get(key)
        for name in OUTCOMES:
            gained[name] += count.outcomes[name] - (earlier.outcomes[name] if earlier else 0)
        if earlier and earlier.uptime is not None and count.uptime is not None:
            restarted |= count.uptime < earlier.uptime + seconds - SLACK_SECONDS
    gained["total"] = sum(gained[name] for name in OUTCOMES)
    return gained, restarted or min(gained.values()) < 0


def _judge(
    counted: dict[str, int] | None, least: dict[str, int], most: dict[str, int], *, restarted: bool
) -> State:
    if restarted:
        return "restarted"
    if counted is None:
        return "absent"
    if any(counted[name] < least[name] for name in least):
        return "mismatch"
    return "foreign" if any(counted[name] > most[name] for name in most) else "agree"
