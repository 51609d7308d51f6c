"""Joins the part files of a run into results.csv and its sidecar; may be repeated at any time, with the
same result.

Line k of attempts.jsonl belongs to row k of results.csv; open starts follow at its end, without a row.
Each file is written beside its name, brought to the disk and renamed, so no reader ever sees half of one.
"""

import csv
import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.parts import Ended, Run, read_part
from loadtest.rows import COLUMNS, GAVE_UP, Attempt

RESULTS = "results.csv"
SIDECAR = "attempts.jsonl"
PARTS = "part-*.jsonl"


def load(folder: Path) -> Run:
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
    return Run(
        parts=parts,
        ended=sorted(settled, key=lambda item: (item.start_us, item.attempt_id)),
        opened=sorted(opened, key=lambda start: (start["start_us"], start["id"])),
        doubled=doubled,
    )


def table(run: Run) -> bytes:
    """The rows of a run as results.csv holds them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(item.attempt.cells() for item in run.ended)
    return text.getvalue().encode()


def write(folder: Path, run: Run) -> None:
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


def place(path: Path, content: bytes) -> None:
    """Puts a file in place whole or not at all, also through a power cut. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
