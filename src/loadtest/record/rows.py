"""One attempt as a value, and its seventeen cells in results.csv.

The CSV is the source of truth of a run: every number of the summary and of the dashboard is computed from
these columns, so times are kept as whole microseconds, where sums are exact and two programs cannot differ.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

COLUMNS = (
    "user_id",
    "test_type",
    "endpoint",
    "character_name",
    "status_code",
    "response_time",
    "success",
    "failure_reason",
    "retry_count",
    "retry_after_seconds",
    "timestamp",
    "response_size",
    "is_retry_record",
    "is_final_failure",
    "is_final_success",
    "error",
    "process_time",
)

REFUSED = 429
# Why a question ended that was refused when its stage or the run was over: its user waits no longer.
GAVE_UP = "gave_up"
_MILLION = 1_000_000
_ERROR_LIMIT = 500
# What spreadsheets pass over before a formula: blanks of all kinds and signs without a width.
_PASSED_OVER = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]*")
_FORMULA = frozenset("=+-@")
_CELL_BREAKS = ("\t", "\r", "\n")
_UNWRITABLE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request and what came of it."""

    user_id: str
    """Who asked."""
    test_type: str
    """The service."""
    endpoint: str
    """The path."""
    character_name: str = ""
    """Who was to answer; "" where the service plays no character."""
    status_code: int
    """0: no answer came."""
    duration_us: int
    """From the send to the last byte, microseconds."""
    success: bool
    """Whether a whole answer came."""
    failure_reason: str = ""
    """Why none did, one of the words in docs/load-testing.md; "" for an answer."""
    retry_count: int = 0
    """The question's attempts before this one."""
    retry_after_us: int | None = None
    """The wait that a refusal asked for, microseconds; None where the server sent none."""
    start_us: int
    """The send, microseconds since 1970 (UTC)."""
    response_size: int = 0
    """Bytes of the body."""
    is_retry: bool = False
    """Whether another attempt follows."""
    is_final_failure: bool = False
    """Whether it is the last of a question without an answer."""
    is_final_success: bool = False
    """Whether it is the last of a question with one."""
    error: str = ""
    """What went wrong, in words, as `clean` leaves them."""
    process_us: int | None = None
    """What the server says it took, microseconds; None where it says nothing."""

    @property
    def end_us(self) -> int:
        """The moment of the last byte, microseconds since 1970."""
        return self.start_us + self.duration_us

    @property
    def refused(self) -> bool:
        """Whether the service refused for lack of room (429)."""
        return self.status_code == REFUSED

    def cells(self) -> list[str]:
        """The seventeen cells, in the order of COLUMNS."""
        return [
            self.user_id,
            self.test_type,
            self.endpoint,
            self.character_name,
            str(self.status_code),
            seconds_text(self.duration_us),
            str(self.success),
            self.failure_reason,
            str(self.retry_count),
            "" if self.retry_after_us is None else _short(self.retry_after_us),
            stamp(self.start_us),
            str(self.response_size),
            str(self.is_retry),
            str(self.is_final_failure),
            str(self.is_final_success),
            self.error,
            "" if self.process_us is None else seconds_text(self.process_us),
        ]


def microseconds(seconds: float) -> int:
    """Seconds as whole microseconds, halves upwards (the rule that the dashboard's JavaScript uses too)."""
    return int(seconds * _MILLION + 0.5) if seconds >= 0 else -int(-seconds * _MILLION + 0.5)


def seconds_text(micro: int) -> str:
    """Microseconds as seconds with six decimals."""
    return f"{micro // _MILLION}.{micro % _MILLION:06d}"


def stamp(micro: int) -> str:
    """A moment as UTC with milliseconds, the rest cut off: 2026-11-24T03:08:17.123Z."""
    moment = datetime.fromtimestamp(micro // _MILLION, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micro % _MILLION // 1000:03d}Z"


def clean(text: str) -> str:
    """Server text made fit for a cell: bounded, without NUL and lone surrogates, and behind an apostrophe
    where a spreadsheet could take it for a formula (OWASP, CSV injection); the rest as it came.
    """
    fit = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text[:_ERROR_LIMIT])
    return f"'{fit}" if _like_a_formula(fit) else fit


def _like_a_formula(text: str) -> bool:
    """Also in full width (＝), which East Asian spreadsheets read as they read the plain sign."""
    first = _PASSED_OVER.sub("", text, count=1)[:1]
    return text.startswith(_CELL_BREAKS) or unicodedata.normalize("NFKC", first) in _FORMULA


def _short(micro: int) -> str:
    return str(micro // _MILLION) if micro % _MILLION == 0 else seconds_text(micro)
