"""Which load is applied when: a run is a list of stages, known before it starts.

Pure data, so that the locust side that follows it and the parent that judges it cannot disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

ShapeName = Literal["fixed", "steps", "arrivals", "overload", "soak"]
SHAPES: tuple[ShapeName, ...] = get_args(ShapeName)
DEFAULT_STEPS = (1, 2, 4, 8, 12, 16, 20, 24, 32)
SOAK_WINDOWS = 6
BEFORE, OVERLOAD, RECOVERY = "before", "overload", "recovery"
# Two steps in a row that bring less than this over the best one before them: the knee is behind us.
WORTHWHILE_GAIN = 1.05
FLAT_STEPS = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of constant load: `level` users, or arrivals a second where `open_loop`. `seconds` is
    None for a run that somebody else ends.
    """

    name: str
    seconds: float | None
    level: float
    open_loop: bool = False


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
    if users < 1 or rate <= 0 or factor < 2 or not steps or min(steps) < 1:
        raise ValueError("users and steps are at least 1, the rate is above 0, the factor at least 2")
    if seconds is None and shape != "fixed":
        raise ValueError(f"shape {shape} needs a duration")
    if seconds is not None and seconds <= 0:
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
    """A length of time: 90, 90s, 5m, 1h or 1h30m. Raises ValueError."""
    units = {"h": 3600, "m": 60, "s": 1}
    total, number = 0.0, ""
    for sign in text.strip():
        if sign in units and number:
            total += float(number) * units[sign]
            number = ""
        elif sign.isdecimal() or sign == ".":
            number += sign
        else:
            raise ValueError(f"not a length of time: {text!r} (90, 90s, 5m, 1h30m)")
    if number:
        total += float(number)
    if total <= 0:
        raise ValueError(f"not a length of time above 0: {text!r}")
    return total
