"""Every number of a run in one dictionary: summary.json, computed from the rows that stand in results.csv."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from loadtest.judge.goals import Measures
from loadtest.record.parts import RecordedRun
from loadtest.record.rows import Attempt
from loadtest.stats import phases as staged
from loadtest.stats.beside import beside_rows
from loadtest.stats.concurrency import Knee, Sweep, knee_of, sweep
from loadtest.stats.distribution import Distribution, describe, wilson
from loadtest.stats.questions import AskedQuestion, gather, settled
from loadtest.stats.waiting import RetryFigures, waiting

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Analysis:
    """A run looked at from all sides."""

    attempts: list[Attempt]
    """Its rows."""
    questions: list[AskedQuestion]
    """Its attempts, gathered."""
    latency: dict[str, Distribution]
    """Times by name."""
    sweep: Sweep
    """What was in flight."""
    knee: Knee | None
    """Where more load no longer brought more answers, if it shows."""
    knee_of_users: bool
    """Whether the knee counts users of stages; else attempts in flight."""
    waiting: RetryFigures
    """What refusals did."""
    phases: list[staged.Phase]
    """Its stages."""
    in_flight: int
    """Attempts without an end."""

    @property
    def answered(self) -> int:
        """Questions with an answer."""
        return sum(question.answered for question in self.questions)

    @property
    def settled(self) -> int:
        """Questions with an answer or a final failure."""
        return sum(not question.open for question in self.questions)

    @property
    def throughput(self) -> float | None:
        """Answers a second over the whole span."""
        answers = sum(attempt.success for attempt in self.attempts)
        return answers * 1e6 / self.sweep.span_us if self.sweep.span_us else None

    def within(self, seconds: float) -> tuple[int, int]:
        """Questions answered within so many seconds of being asked, and all settled ones."""
        limit = round(seconds * 1e6)
        done = settled(self.questions)
        return sum(question.answered and question.perceived_us <= limit for question in done), len(done)

    def measures(self) -> Measures:
        """The run as goals see it."""
        errors = sum(attempt.status_code in staged.SERVER_ERRORS for attempt in self.attempts)
        return Measures(
            latency=self.latency,
            shares={
                "success": (self.answered, self.settled),
                "refused": (sum(attempt.refused for attempt in self.attempts), len(self.attempts)),
                "promises_kept": (self.waiting.kept, self.waiting.promises),
            },
            numbers={
                "throughput": self.throughput,
                "server_errors": errors if self.attempts else None,
                "retry_after_error": None if self.waiting.error is None else 100 * self.waiting.error,
                "drift": staged.drift(self.phases),
                "overload_kept": staged.kept_under_overload(self.phases),
                "recovery": staged.recovery(self.phases, self.attempts),
            },
            within=self.within,
            attempts=len(self.attempts),
        )


def analyse(run: RecordedRun) -> Analysis:
    """Computes everything from the merged parts of a run."""
    attempts = run.attempts
    questions = gather(attempts)
    records = max((part.phases for part in run.parts), key=len, default=[])
    found = staged.phases(records, attempts)
    swept = sweep(attempts)
    rising = len(found) > 1 and all(one.level < two.level for one, two in pairwise(found))
    steps = staged.steps_knee(found) if rising else None
    return Analysis(
        attempts=attempts,
        questions=questions,
        latency=latencies(attempts, questions) | beside_rows(run.ended),
        sweep=swept,
        knee=steps or knee_of(swept.levels, swept.span_us),
        knee_of_users=steps is not None,
        waiting=waiting(questions),
        phases=found,
        in_flight=len(run.opened),
    )


def latencies(attempts: Sequence[Attempt], questions: Sequence[AskedQuestion]) -> dict[str, Distribution]:
    """The named times: of answered attempts, of answered questions, of the server, and of refusals."""
    good = [attempt for attempt in attempts if attempt.success]
    told = [(attempt.duration_us, attempt.process_us) for attempt in good if attempt.process_us is not None]
    return {
        "attempt": describe([attempt.duration_us for attempt in good]),
        "perceived": describe([question.perceived_us for question in questions if question.answered]),
        "server": describe([server for _, server in told]),
        "overhead": describe([max(0, whole - server) for whole, server in told]),
        "refusal": describe([attempt.duration_us for attempt in attempts if attempt.refused]),
    }


def build(analysis: Analysis, good_seconds: float) -> dict[str, Any]:
    """summary.json without what the parent process adds. `good_seconds`: an answer this quick counts as
    good.
    """
    attempts, swept = analysis.attempts, analysis.sweep
    good, final = analysis.within(good_seconds)
    return {
        "format": FORMAT,
        "totals": {
            "questions": len(analysis.questions),
            "answered": analysis.answered,
            "failed": analysis.settled - analysis.answered,
            "open": len(analysis.questions) - analysis.settled,
            "attempts": len(attempts),
            "refused": sum(attempt.refused for attempt in attempts),
            "in_flight": analysis.in_flight,
            "span_seconds": swept.span_us / 1e6,
            "answers_per_second": analysis.throughput,
            "answers_per_hour": None if analysis.throughput is None else 3600 * analysis.throughput,
        },
        "success": _share(analysis.answered, analysis.settled),
        "goodput": {
            "within_seconds": good_seconds,
            **_share(good, final),
            "per_second": good * 1e6 / swept.span_us if swept.span_us else None,
        },
        "latency": {name: times.as_dict() for name, times in analysis.latency.items()},
        "waiting": asdict(analysis.waiting),
        "concurrency": {
            "peak": swept.peak,
            "mean": swept.mean,
            "levels": [
                {**asdict(level), "throughput": level.throughput, "mean_seconds": level.mean_seconds}
                for level in swept.levels
            ],
            "knee": None
            if analysis.knee is None
            else {**asdict(analysis.knee), "of": "users" if analysis.knee_of_users else "in flight"},
        },
        "stages": {
            "drift_percent": staged.drift(analysis.phases),
            "overload_kept_percent": staged.kept_under_overload(analysis.phases),
            "recovery_seconds": staged.recovery(analysis.phases, attempts),
        },
        "phases": [{**asdict(phase), "throughput": phase.throughput} for phase in analysis.phases],
        "failures": dict(
            Counter(item.failure_reason for item in attempts if item.failure_reason).most_common()
        ),
        "statuses": {
            str(code): count for code, count in sorted(Counter(a.status_code for a in attempts).items())
        },
        "endpoints": _groups(attempts, lambda attempt: attempt.endpoint),
        "characters": _groups(attempts, lambda attempt: attempt.character_name),
    }


def _share(hits: int, n: int) -> dict[str, Any]:
    low, high = wilson(hits, n)
    return {"hits": hits, "n": n, "share": hits / n if n else None, "low": low, "high": high}


def _groups(attempts: Iterable[Attempt], key: Callable[[Attempt], str]) -> dict[str, Any]:
    groups: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        groups[key(attempt)].append(attempt)
    return {
        name: {
            "attempts": len(own),
            "answered": sum(attempt.success for attempt in own),
            "latency": describe([attempt.duration_us for attempt in own if attempt.success]).as_dict(),
        }
        for name, own in sorted(groups.items())
    }
