"""Which load is applied when: a run is a list of stages, known before it starts.

Pure data, so that the locust side that follows it and the parent that judges it cannot disagree.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ShapeName = Literal["fixed", "steps", "arrivals", "overload", "soak"]
DEFAULT_STEPS = (1, 2, 4, 8, 12, 16, 20, 24, 32)
SOAK_WINDOWS = 6
BEFORE, OVERLOAD, RECOVERY = "before", "overload", "recovery"
# Two steps in a row that bring less than this over the best one before them: the knee is behind us.
WORTHWHILE_GAIN = 1.05
FLAT_STEPS = 2
_AMOUNT = r"(\d{1,9}(?:\.\d{1,9})?)"
_LENGTH = re.compile(rf"(?:{_AMOUNT}h)?(?:{_AMOUNT}m)?(?:{_AMOUNT}s?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of constant load."""

    name: str
    """How charts and reports call it."""
    seconds: float | None
    """Its length; None for a run that somebody else ends."""
    level: float
    """Users, or arrivals a second where `open_loop`."""
    open_loop: bool = False
    """Whether questions arrive at a rate, however many are still unanswered."""


def stages(
    shape: ShapeName,
    *,
    seconds: float | None,
    users: int = 1,
    rate: float = 1.0,
    steps: Sequence[int] = DEFAULT_STEPS,
    factor: int = 10,
) -> list[Stage]:
    """The stages of a shape. `seconds`: of the whole run; with steps and overload, of each stage.

    Raises ValueError when the shape needs a length and has none, or a number makes no sense.
    """
    if users < 1 or not 0 < rate < math.inf or factor < 2 or not steps or min(steps) < 1:
        raise ValueError("users and steps are at least 1, the rate is above 0, the factor at least 2")
    if seconds is None and shape != "fixed":
        raise ValueError(f"shape {shape} needs a duration")
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError("the duration is above 0")
    match shape:
        case "fixed":
            return [Stage("steady", seconds, users)]
        case "arrivals":
            return [Stage("arrivals", seconds, rate, open_loop=True)]
        case "steps":
            return [Stage(f"{count} users", seconds, count) for count in steps]
        case "overload":
            return [
                Stage(BEFORE, seconds, users),
                Stage(OVERLOAD, seconds, users * factor),
                Stage(RECOVERY, seconds, users),
            ]
        case "soak":
            part = (seconds or 0) / SOAK_WINDOWS
            return [Stage(f"part {i + 1}", part, users) for i in range(SOAK_WINDOWS)]


def total_seconds(planned: Sequence[Stage]) -> float | None:
    """Length of all stages together; None when one has no end."""
    lengths = [stage.seconds for stage in planned]
    return None if None in lengths else sum(length for length in lengths if length is not None)


def past_the_knee(rates: Sequence[float]) -> bool:
    """Whether the last steps' answers a second no longer repay more users."""
    if len(rates) <= FLAT_STEPS:
        return False
    best = max(rates[:-FLAT_STEPS])
    return best > 0 and max(rates[-FLAT_STEPS:]) < best * WORTHWHILE_GAIN


def parse_seconds(text: str) -> float:
    """A length of time above 0, in seconds: 90, 90s, 5m, 1h or 1h30m. Raises ValueError."""
    found = _LENGTH.fullmatch(text.strip())
    hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0.0, 0.0, 0.0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise ValueError(f"a length of time above 0 like 90, 90s, 5m or 1h30m, not {text!r}")
    return total
