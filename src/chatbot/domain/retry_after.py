"""Reading how long others ask to be left alone: seconds, or a date. What they name is a stranger's text."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 86_400.0
"""A day. Whoever names more is left alone for a day."""

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """The ``Retry-After`` header (RFC 9110 §10.2.3) as seconds from ``now`` (aware), 0 to LONGEST_SECONDS.

    None when it is absent or unreadable.
    """
    text = (value or "").strip()
    seconds = parse_seconds(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except OverflowError:
        return LONGEST_SECONDS
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), LONGEST_SECONDS)


def parse_seconds(text: str, unit: float = 1.0) -> float | None:
    """A plain number of ``unit`` seconds as seconds, at most LONGEST_SECONDS; None when the text is none."""
    return min(float(text) * unit, LONGEST_SECONDS) if _NUMBER.fullmatch(text) else None
