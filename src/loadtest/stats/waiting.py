"""What refusals did to users: retries, waits kept, and whether the service's Retry-After told the truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.record.rows import GAVE_UP
from loadtest.stats.distribution import nearest_rank
from loadtest.stats.questions import AskedQuestion

# Stamps are cut to milliseconds, so a wait that was kept to the microsecond can look this much shorter.
_STAMP_US = 1000


@dataclass(frozen=True, slots=True)
class RetryFigures:
    """Counts over all questions, and the truth of the promises."""

    answered_after: dict[int, int]
    """Questions answered after so many retries."""
    exhausted: int
    """Final failures whose last word was 429."""
    left: int
    """Those among them that the run itself ended while the user would have waited on."""
    open: int
    """Questions that were never settled."""
    promises: int
    """Refusals with a Retry-After that the user came back after."""
    honoured: int
    """Waits at least as long as asked."""
    kept: int
    """Promises after which the next attempt was let in."""
    errors: int
    """Answered questions whose first word was a promise."""
    error: float | None
    """Their median of |needed - promised| / promised, with needed = from the end of the first refusal to the
    start of the attempt that was let in; None where there are none.
    """


def waiting(questions: Sequence[AskedQuestion]) -> RetryFigures:
    """Computes it from questions."""
    after: Counter[int] = Counter()
    exhausted = left = promises = honoured = kept = 0
    errors: list[tuple[int, int]] = []
    for question in questions:
        if question.answered:
            after[len(question.attempts) - 1] += 1
        elif not question.open and question.last.refused:
            exhausted += 1
            left += question.last.failure_reason == GAVE_UP
        for refusal, follower in zip(question.attempts, question.attempts[1:], strict=False):
            if not refusal.refused or refusal.retry_after_us is None:
                continue
            promises += 1
            honoured += follower.start_us - refusal.end_us >= refusal.retry_after_us - _STAMP_US
            kept += not follower.refused
        first = question.attempts[0]
        if question.answered and first.refused and first.retry_after_us:
            needed = question.last.start_us - first.end_us
            errors.append((abs(needed - first.retry_after_us), first.retry_after_us))
    # Parts per million keep the median a whole number, equal in every program that computes it.
    ratios = sorted(off * 1_000_000 // promised for off, promised in errors)
    return RetryFigures(
        answered_after=dict(sorted(after.items())),
        exhausted=exhausted,
        left=left,
        open=sum(question.open for question in questions),
        promises=promises,
        honoured=honoured,
        kept=kept,
        errors=len(ratios),
        error=nearest_rank(ratios, 50) / 1e6 if ratios else None,
    )
