"""What the scheduler computes of a request when it gets its place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of a newcomer, seconds from now."""

    first: float
    """Until its first token, as will most probably be: what people are told."""
    end: float
    """Until the last token of a long answer: what its deadline is judged by."""


@dataclass(slots=True)
class Estimate:
    """Of one request with a place; read and written under the scheduler's lock only."""

    reserved: float
    """Monotonic seconds of the reservation, from which ``prediction`` counts."""
    prediction: Prediction
    """As made at the reservation."""
    price: float
    """Weighted tokens that the fair order charges for it."""
    duration: float
    """Seconds from its start to the last token of a long answer."""
    full: bool
    """Whether all sequences were taken when it was reserved: only then its end tells how true the speeds are,
    since in an emptier engine it depends on who comes afterwards."""
    quantile: float
    """Where among the lengths of late, 0 to 1, its own is foreseen."""
    overtaken: int = 0
    """Requests that started before it although it was their senior, while it waited for KV cells."""
