"""The numbers of ``GET /{service}/performance``: counted where things end, never derived from constants."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from statistics import fmean

from chatbot.domain.messages import Finished
from chatbot.domain.telemetry import Outcome, ServiceMeter

_WINDOW = 2048
"""Latest answers that the percentiles describe: an hour at the busiest, and 32 KiB."""


def percentile(sorted_values: list[float], fraction: float) -> float:
    """The nearest-rank percentile: the smallest value with ``fraction`` of all at or below it."""
    if not sorted_values:
        return 0.0
    rank = -(-len(sorted_values) * round(fraction * 1000) // 1000)
    return sorted_values[max(0, rank - 1)]


class Statistics:
    """Counters of one service since the process started; single-threaded, on the event loop."""

    def __init__(self, meter: ServiceMeter, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter = meter
        self._clock = clock
        self._started = clock()
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._total = 0
        self._active = 0
        self._successful_seconds = 0.0
        self._responses: deque[float] = deque(maxlen=_WINDOW)
        self._first_tokens: deque[float] = deque(maxlen=_WINDOW)
        self._idle = asyncio.Event()
        self._idle.set()
        self.active_connections = 0

    @property
    def active(self) -> int:
        """Questions that have arrived and not ended."""
        return self._active

    @property
    def uptime(self) -> float:
        """Seconds since the service was made."""
        return self._clock() - self._started

    @property
    def mean_seconds(self) -> float:
        """How long an answer took on average; 0 before the first."""
        good = self._outcomes[Outcome.SUCCESSFUL]
        return self._successful_seconds / good if good else 0.0

    def arrived(self) -> None:
        """A validated question arrived; exactly one ``ended`` or ``passed_on`` follows."""
        self._total += 1
        self._active += 1
        self._idle.clear()

    def passed_on(self) -> None:
        """The question that arrived is left to another process, which counts it."""
        self._total -= 1
        self._leave()
        self._meter.passed_on()

    async def until_idle(self) -> None:
        """Return when no question is under way."""
        await self._idle.wait()

    def ended(self, outcome: Outcome, arrived: float) -> None:
        """The question that arrived then (monotonic seconds) ended now."""
        seconds = self._clock() - arrived
        self._leave()
        self._outcomes[outcome] += 1
        if outcome is Outcome.SUCCESSFUL:
            self._successful_seconds += seconds
            self._responses.append(seconds)
        self._meter.finished(outcome, seconds)

    def _leave(self) -> None:
        self._active -= 1
        if not self._active:
            self._idle.set()

    def first_token(self, seconds: float) -> None:
        """The first text of an answer leaves, so long after the question's arrival."""
        self._first_tokens.append(seconds)
        self._meter.first_token(seconds)

    def next_token(self, seconds: float) -> None:
        """A further piece of an answer leaves, so long after the one before."""
        self._meter.inter_token(seconds)

    def answered(self, finished: Finished) -> None:
        """An answer is complete."""
        usage = finished.usage
        self._meter.queued(finished.queue)
        self._meter.tokens(usage.completion, usage.prompt - usage.cached, usage.cached)

    def summary(self) -> dict[str, float | int]:
        """The counters by their public names (contract §2.4); times in seconds, success_rate in percent."""
        good, bad = self._outcomes[Outcome.SUCCESSFUL], self._outcomes[Outcome.FAILED]
        responses = sorted(self._responses)
        return {
            "total_requests": self._total,
            "successful_requests": good,
            "failed_requests": bad,
            "refused_requests": self._outcomes[Outcome.REFUSED],
            "cancelled_requests": self._outcomes[Outcome.CANCELLED],
            "active_requests": self._active,
            "active_connections": self.active_connections,
            "avg_response_time": round(self.mean_seconds, 4),
            "success_rate": round(100 * good / (good + bad), 2) if good + bad else 100.0,
            "uptime_seconds": round(self.uptime, 1),
            "p50_response_time": round(percentile(responses, 0.50), 4),
            "p95_response_time": round(percentile(responses, 0.95), 4),
            "p99_response_time": round(percentile(responses, 0.99), 4),
            "time_to_first_token": round(fmean(self._first_tokens), 4) if self._first_tokens else 0.0,
        }


class TokenTimes:
    """Measures one answer in seconds: from the question's arrival to the first token, then between tokens."""

    def __init__(
        self, statistics: Statistics, arrived: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``arrived`` is a time of ``clock``, seconds."""
        self._statistics = statistics
        self._arrived = arrived
        self._clock = clock
        self._last: float | None = None

    def token_leaves(self) -> None:
        """A token leaves now."""
        now = self._clock()
        if self._last is None:
            self._statistics.first_token(now - self._arrived)
        else:
            self._statistics.next_token(now - self._last)
        self._last = now
