"""Reads results.csv back, and the two older shapes of such files.

`suite`: the seventeen columns, UTC with milliseconds, `timestamp` is the start.
`character`: the same names (the oldest without `process_time`), local seconds, `timestamp` is the end.
`office`: ten columns with `google_access` and `question_length`, no retries; `timestamp` is the end.
A row that cannot be read is counted, never guessed.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from loadtest.record.rows import COLUMNS, REFUSED, Attempt, microseconds

Shape = Literal["suite", "character", "office"]
NEEDED = ("status_code", "response_time", "success", "timestamp")
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z?)", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
_STATUS = re.compile(r"\d{1,3}", re.ASCII)
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)
_EPOCH_YEAR = 1970
_LONGEST_SECONDS = 10_000_000
_LONGEST_CELL = 10_000_000


class UnreadableError(ValueError):
    """The file is not a load-test CSV; the message says which columns are missing."""


@dataclass(slots=True)
class Table:
    """What a CSV held."""

    shape: Shape
    """Which of the three it has."""
    attempts: list[Attempt] = field(default_factory=list)
    """Its rows, in the order of the file."""
    bad_rows: int = 0
    """Rows that cannot be read."""
    missing: tuple[str, ...] = ()
    """Columns that it does not have."""


def read_file(path: Path) -> Table:
    """Reads a CSV file. Raises UnreadableError when it is none of the three shapes, OSError when it is not
    there.
    """
    return read_text(path.read_bytes().decode("utf-8", errors="replace"))


def read_text(text: str) -> Table:
    """Reads CSV text (a byte order mark and both line ends are fine). Raises UnreadableError."""
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header = [name.strip(" ") for name in next(rows, [])]
    if absent := [name for name in NEEDED if name not in header]:
        raise UnreadableError(f"not a load-test CSV: no column {', '.join(absent)}")
    retries_known = "is_retry_record" in header
    table = Table(
        shape="suite" if retries_known else "office",
        missing=tuple(name for name in COLUMNS if name not in header),
    )
    for cells in rows:
        if not cells:
            continue
        named = dict(zip(header, cells, strict=False))
        moment = _moment(named["timestamp"]) if len(cells) == len(header) else None
        attempt = None if moment is None else _attempt(named, *moment, retries_known=retries_known)
        if moment is None or attempt is None:
            table.bad_rows += 1
            continue
        if moment[1] and retries_known:
            table.shape = "character"
        table.attempts.append(attempt)
    return table


def read_cells(cells: list[str]) -> Attempt:
    """Reads the seventeen cells of one row of the suite's own shape. Raises ValueError."""
    named = dict(zip(COLUMNS, cells, strict=True))
    moment = _moment(named["timestamp"])
    attempt = None if moment is None else _attempt(named, *moment, retries_known=True)
    if attempt is None:
        raise ValueError("not a row of the suite")
    return attempt


def _attempt(cells: Mapping[str, str], moment: int, ended: bool, *, retries_known: bool) -> Attempt | None:
    duration = _micro(cells["response_time"])
    status = cells["status_code"].strip(" ")
    if duration is None or duration < 0 or not _STATUS.fullmatch(status):
        return None
    code = int(status)
    success = _true(cells["success"])
    process = _micro(cells.get("process_time", ""))
    if process is not None and (process < 0 or (ended and process == 0)):
        process = None  # older files wrote 0.0 where the server had said nothing
    return Attempt(
        user_id=cells.get("user_id", ""),
        test_type=cells.get("test_type", ""),
        endpoint=cells.get("endpoint", ""),
        character_name=cells.get("character_name", ""),
        status_code=code,
        duration_us=duration,
        success=success,
        failure_reason=cells.get("failure_reason", ""),
        retry_count=_whole(cells.get("retry_count", "")),
        retry_after_us=_micro(cells.get("retry_after_seconds", "")) if code == REFUSED else None,
        start_us=moment - duration if ended else moment,
        response_size=_whole(cells.get("response_size", "")),
        is_retry=_true(cells.get("is_retry_record", "")),
        is_final_failure=_true(cells.get("is_final_failure", "")) if retries_known else not success,
        is_final_success=_true(cells.get("is_final_success", "")) if retries_known else success,
        error=cells.get("error", ""),
        process_us=process,
    )


def _moment(text: str) -> tuple[int, bool] | None:
    """Microseconds since 1970, and whether the stamp marks the end (older files: no zone); None if
    unreadable.
    """
    found = _STAMP.fullmatch(text.strip(" "))
    if not found:
        return None
    *parts, fraction, zone = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, parts)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if moment.year < _EPOCH_YEAR:
        return None
    return int(moment.timestamp()) * 1_000_000 + int((fraction or "").ljust(6, "0")), not zone


def _micro(text: str) -> int | None:
    text = text.strip(" ")
    if not _NUMBER.fullmatch(text) or abs(float(text)) > _LONGEST_SECONDS:
        return None
    return microseconds(float(text))


def _whole(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text.strip(" ")) else 0


def _true(text: str) -> bool:
    return text.strip(" ").lower() in {"true", "1"}
