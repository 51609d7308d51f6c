"""What an engine can hold at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """Bounds of a batch."""

    sequences: int
    """Requests that can run at once."""
    pool: int
    """KV cells (tokens) of all that run."""
    prefill_slice: float = 0.25
    """Seconds of prefill that a step holds while others generate."""

    @property
    def share(self) -> int:
        """Sequences that one caller may have.

        Whoever asks for fifty answers at once makes everybody's steps longer, so this decides what the others
        feel: with a third, ten users with a question each wait less than twice as long (bench.unfair_user);
        with a half it was 2.2 times.
        """
        return max(1, self.sequences // 3)
