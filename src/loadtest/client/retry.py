"""When a refused question may be asked again: the service's Retry-After, and how far a user's patience
goes.
"""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_RETRIES = 5
PATIENCE_SECONDS = 600.0
# A refusal that names no time breaks the contract; the user of a chat page would try again about now.
WAIT_WITHOUT_PROMISE = 5.0
# A little later than promised, spread out, so that users who were refused together do not come back together.
MOST_JITTER = 0.1


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from delta seconds or an HTTP date; past dates are 0, anything else None."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def wait_before_retry(promised: float | None, retries: int, elapsed: float, chance: float) -> float | None:
    """Seconds until the next attempt, or None when the user gives up.

    `retries`: those already made. `elapsed`: seconds since the question was asked. `chance`: 0 to 1,
    spreads the return. The wait is never shorter than promised.
    """
    wait = WAIT_WITHOUT_PROMISE if promised is None else promised
    wait += min(1.0, wait * MOST_JITTER) * chance
    if retries >= MOST_RETRIES or elapsed + wait > PATIENCE_SECONDS or not math.isfinite(wait):
        return None
    return wait
