"""Attempts gathered into questions: one question is all attempts until an answer or a final failure.

The rule needs nothing but the CSV: the attempts of one user, in order of their start, run on while they are
marked as retries and end with the first that is not. A question whose last attempt is a retry is open: the
run ended while the user still waited.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.record.rows import Attempt


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """One logical request of a user."""

    attempts: tuple[Attempt, ...]
    """All that were made of it, in order; at least one."""

    @property
    def last(self) -> Attempt:
        """The attempt that settled it."""
        return self.attempts[-1]

    @property
    def open(self) -> bool:
        """Whether it was never settled."""
        return self.last.is_retry

    @property
    def answered(self) -> bool:
        """Whether the user got an answer."""
        return self.last.success and not self.open

    @property
    def start_us(self) -> int:
        """When the user asked."""
        return self.attempts[0].start_us

    @property
    def perceived_us(self) -> int:
        """What the user felt: from asking to the end of the last attempt, waits included."""
        return max(0, self.last.end_us - self.start_us)


def gather(attempts: Sequence[Attempt]) -> list[AskedQuestion]:
    """All questions, ordered by the time they were asked (ties: as in the file)."""
    by_user: dict[str, list[tuple[int, Attempt]]] = defaultdict(list)
    for index, attempt in enumerate(attempts):
        by_user[attempt.user_id].append((index, attempt))
    found: list[tuple[int, int, AskedQuestion]] = []
    for own in by_user.values():
        own.sort(key=lambda pair: (pair[1].start_us, pair[0]))
        chain: list[tuple[int, Attempt]] = []
        for index, attempt in own:
            chain.append((index, attempt))
            if not attempt.is_retry:
                found.append(_question(chain))
                chain = []
        if chain:
            found.append(_question(chain))
    found.sort(key=lambda item: item[:2])
    return [question for _, _, question in found]


def settled(questions: Iterable[AskedQuestion]) -> list[AskedQuestion]:
    """Those that ended with an answer or a final failure."""
    return [question for question in questions if not question.open]


def _question(chain: list[tuple[int, Attempt]]) -> tuple[int, int, AskedQuestion]:
    index, first = chain[0]
    return first.start_us, index, AskedQuestion(tuple(attempt for _, attempt in chain))
