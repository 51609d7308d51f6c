"""Joins the part files of a run into results.csv and its sidecar; may be repeated at any time, with the
same result.

Line k of attempts.jsonl belongs to row k of results.csv; open starts follow at its end, without a row.
"""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.record.files import PARTS, RESULTS, SIDECAR, place
from loadtest.record.parts import Ended, RecordedRun, read_part
from loadtest.record.rows import COLUMNS, GAVE_UP, Attempt


def load(folder: Path) -> RecordedRun:
    """Reads all parts of a run folder into one ordered account. Raises OSError if the folder is not there."""
    parts = [read_part(path) for path in sorted(folder.glob(PARTS))]
    ended: dict[str, Ended] = {}
    doubled = 0
    for part in parts:
        for item in part.ended:
            doubled += item.attempt_id in ended
            ended.setdefault(item.attempt_id, item)
    opened = [start for part in parts for start in part.opened.values() if start["id"] not in ended]
    settled = _settle(ended.values(), {start["q"] for start in opened})
    return RecordedRun(
        parts=parts,
        ended=sorted(settled, key=lambda item: (item.start_us, item.attempt_id)),
        opened=sorted(opened, key=lambda start: (start["start_us"], start["id"])),
        doubled=doubled,
    )


def table(run: RecordedRun) -> bytes:
    """The rows of a run as results.csv holds them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(item.attempt.cells() for item in run.ended)
    return text.getvalue().encode()


def write(folder: Path, run: RecordedRun) -> None:
    """Writes results.csv and attempts.jsonl of a run."""
    place(folder / RESULTS, table(run))
    lines: list[dict[str, Any]] = [
        {"id": item.attempt_id, "question": item.question_id, "start_us": item.start_us, **item.extras}
        for item in run.ended
    ]
    lines += [
        {"id": start["id"], "question": start["q"], "start_us": start["start_us"], "in_flight": True}
        for start in run.opened
    ]
    place(folder / SIDECAR, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())


def _settle(ended: Iterable[Ended], open_questions: set[str]) -> list[Ended]:
    """Makes the last row of each question its final one.

    A row announces a retry when it is written; if the run ended before that retry was sent, nothing follows
    it, and the question ended unanswered.
    """
    last: dict[str, Ended] = {}
    items = list(ended)
    for item in items:
        known = last.get(item.question_id)
        if known is None or item.attempt.retry_count > known.attempt.retry_count:
            last[item.question_id] = item
    return [
        replace(item, attempt=_final(item.attempt))
        if item.attempt.is_retry and last[item.question_id] is item and item.question_id not in open_questions
        else item
        for item in items
    ]


def _final(attempt: Attempt) -> Attempt:
    return replace(attempt, is_retry=False, is_final_failure=True, failure_reason=GAVE_UP)
