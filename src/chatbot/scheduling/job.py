"""What the scheduler knows of one request: sizes and times, never texts."""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Job:
    """A reserved place, from the door to its last token. Times are monotonic seconds, sizes tokens.

    ``prompt`` is estimated until ``ready``; ``fresh`` of it must be computed, the rest is expected in the
    prefix cache. ``read`` of the fresh tokens are done, ``produced`` tokens are generated. ``price`` are the
    weighted tokens that the fair order takes for it, ``duration`` the seconds from its start to the last
    token of a long answer; ``crowded`` when it was reserved with every sequence taken. Predictions are in
    seconds from the reservation, to the first token and to the last.
    ``quantile`` is where among the possible lengths its answer is foreseen.
    """

    service: str
    caller: str
    arrived: float
    deadline: float
    prompt: int
    fresh: int
    max_tokens: int
    ready: bool = False
    started: float | None = None
    read: int = 0
    produced: int = 0
    price: float = 0.0
    duration: float = 0.0
    crowded: bool = False
    overtaken: int = 0
    predicted_first: float = 0.0
    predicted_end: float = 0.0
    reserved: float = 0.0
    quantile: float = 0.5


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the engine can hold at once: sequences, KV tokens, and the prefill share of a busy step (s)."""

    sequences: int
    pool: int
    prefill_slice: float = 0.25

    @property
    def share(self) -> int:
        """Sequences that one caller may have.

        Whoever asks for fifty answers at once makes everybody's steps longer, so this decides what the others
        feel: with a third, ten users with a question each wait less than twice as long (bench.unfair_user);
        with a half it was 2.2 times.
        """
        return max(1, self.sequences // 3)
