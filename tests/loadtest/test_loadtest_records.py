"""Part files, their merge and the reading of CSVs, down to torn lines and full disks."""

import csv
import io
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.loadtest.strategies import HEADER

from loadtest.judge import instrument
from loadtest.record import merge
from loadtest.record.files import RESULTS, SIDECAR
from loadtest.record.parts import read_part
from loadtest.record.reading import UnreadableError, read_cells, read_text
from loadtest.record.recorder import Recorder, RecorderBrokenError
from loadtest.record.rows import COLUMNS, Attempt, clean, microseconds, stamp
from loadtest.run.tail import Tail

ATTEMPT = Attempt(
    user_id="u-1",
    test_type="office",
    endpoint="/office/Llama",
    status_code=200,
    duration_us=1_234_567,
    success=True,
    start_us=1_795_491_721_123_000,
    response_size=12,
    is_final_success=True,
    process_us=1_200_000,
)
REFUSAL = replace(
    ATTEMPT,
    status_code=429,
    success=False,
    failure_reason="refused_429",
    retry_after_us=2_500_000,
    is_retry=True,
    is_final_success=False,
    process_us=None,
)


def record(recorder: Recorder, question: str, *attempts: Attempt) -> None:
    for number, attempt in enumerate(attempts):
        start_us = attempt.start_us + 10_000_000 * number + 456
        opening = {"user": attempt.user_id, "endpoint": attempt.endpoint, "retry": number}
        recorder.start(f"{question}-{number}", question, start_us, opening)
        row = replace(attempt, start_us=start_us, retry_count=number)
        recorder.end(f"{question}-{number}", start_us, row, {"stream": False})


def test_the_header_is_the_contract() -> None:
    assert ",".join(COLUMNS) == HEADER


def test_cells_are_what_the_contract_says() -> None:
    assert dict(zip(COLUMNS, REFUSAL.cells(), strict=True)) == {
        "user_id": "u-1",
        "test_type": "office",
        "endpoint": "/office/Llama",
        "character_name": "",
        "status_code": "429",
        "response_time": "1.234567",
        "success": "False",
        "failure_reason": "refused_429",
        "retry_count": "0",
        "retry_after_seconds": "2.500000",
        "timestamp": "2026-11-24T03:42:01.123Z",
        "response_size": "12",
        "is_retry_record": "True",
        "is_final_failure": "False",
        "is_final_success": "False",
        "error": "",
        "process_time": "",
    }


@settings(deadline=None)
@given(
    text=st.text(max_size=30),
    start=st.integers(0, 4_000_000_000),
    micro=st.integers(0, 10**10),
    after=st.none() | st.integers(0, 10**9),
)
def test_a_row_survives_csv(text: str, start: int, micro: int, after: int | None) -> None:
    row = replace(
        REFUSAL,
        error=clean(text),
        user_id=clean(text),
        start_us=start * 1000,
        duration_us=micro,
        retry_after_us=after,
    )
    assert read_cells(row.cells()) == row
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([COLUMNS, row.cells()])
    table = read_text(out.getvalue())
    assert (table.attempts, table.shape, table.missing) == ([row], "suite", ())


def test_server_text_is_made_fit_for_a_cell() -> None:
    assert clean("a\x00b\ud800c\n") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\n"
    assert len(clean("x" * 9999)) == 500
    assert [clean(text) for text in ("=1+1", "@SUM(A1)", "-1", "a=1", "")] == [
        "'=1+1",
        "'@SUM(A1)",
        "'-1",
        "a=1",
        "",
    ]
    assert microseconds(0.0000005) == 1
    assert stamp(1_795_491_721_999_999) == "2026-11-24T03:42:01.999Z"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\ufe66"])
@pytest.mark.parametrize(
    "before", ["", "\n", "\r", "\t", "\r\n", " ", "\u3000", "\xa0", "\ufeff", "\u200b \n"]
)
def test_whatever_a_spreadsheet_could_compute_stands_behind_an_apostrophe(before: str, sign: str) -> None:
    cell = f"{before}{sign}HYPERLINK(A1)"
    assert clean(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["\ttab", "\nline", "\rline"])
def test_a_cell_that_begins_with_a_break_stands_behind_an_apostrophe(cell: str) -> None:
    assert clean(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["a=1", "가＝나", "1-2", " text", "\u3000가", "~1", ""])
def test_ordinary_text_stays_as_it_came(cell: str) -> None:
    assert clean(cell) == cell


def test_merging_again_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = Recorder(tmp_path), Recorder(tmp_path)
    record(one, "q1", REFUSAL, ATTEMPT)
    record(two, "q2", replace(ATTEMPT, start_us=ATTEMPT.start_us - 5))
    for recorder in (one, two):
        recorder.close()
    files = []
    for _ in range(2):
        merge.write(tmp_path, merge.load(tmp_path))
        files.append([(tmp_path / name).read_bytes() for name in (RESULTS, SIDECAR)])
    assert files[0] == files[1]
    ids = [json.loads(line)["id"] for line in files[0][1].splitlines()]
    assert ids == ["q2-0", "q1-0", "q1-1"]


def test_a_retry_that_was_never_sent_ends_its_question(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    record(recorder, "q1", REFUSAL)
    record(recorder, "q2", REFUSAL)
    # The second question's retry was on its way when the process died.
    recorder.start("q2-1", "q2", ATTEMPT.start_us, {"user": "u-1", "endpoint": "/office/Llama", "retry": 1})
    found = merge.load(tmp_path)
    last = {ended.question_id: ended.attempt for ended in found.ended}
    assert (last["q1"].is_retry, last["q1"].is_final_failure, last["q1"].failure_reason) == (
        False,
        True,
        "gave_up",
    )
    assert (last["q2"].is_retry, last["q2"].is_final_failure) == (True, False)
    assert [start["id"] for start in found.opened] == ["q2-1"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 4000))
def test_a_file_cut_anywhere_loses_only_what_was_not_whole(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    recorder = Recorder(folder)
    for number in range(4):
        record(recorder, f"q{number}", REFUSAL, ATTEMPT)
    recorder.close()
    whole = recorder.path.read_bytes()
    cut = min(cut, len(whole))
    recorder.path.write_bytes(whole[:cut])
    lines = whole[:cut].split(b"\n")
    last_is_whole = cut == len(whole) or whole[cut : cut + 1] == b"\n"
    part = read_part(recorder.path)
    assert part.torn == (0 if last_is_whole or not lines[-1] else 1)
    assert part.gaps == 0
    kinds = [json.loads(line)["k"] for line in lines[:-1] + ([lines[-1]] if last_is_whole else []) if line]
    assert len(part.ended) == kinds.count("end")
    assert part.started == kinds.count("start")
    assert (part.bye is None) == ("bye" not in kinds)


def test_a_missing_line_and_a_doubled_row_show(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    record(recorder, "q1", ATTEMPT)
    record(recorder, "q2", ATTEMPT)
    recorder.close()
    lines = recorder.path.read_bytes().splitlines(keepends=True)
    recorder.path.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert read_part(recorder.path).gaps == 1
    (tmp_path / "part-other.jsonl").write_bytes(b"".join(lines))
    assert merge.load(tmp_path).doubled == 1


def test_a_full_disk_is_no_silent_loss(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    recorder = Recorder(tmp_path)
    with full.open("wb", buffering=0) as file:
        os.dup2(file.fileno(), recorder._fd)
        with pytest.raises(RecorderBrokenError, match="No space"):
            recorder.trouble("x")


def test_half_a_record_spoils_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path)
    record(recorder, "q1", ATTEMPT)
    whole = os.write
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda fd, line: whole(fd, line[: len(line) // 2]))
        with pytest.raises(RecorderBrokenError, match="disk full"):
            recorder.trouble("x")
    record(recorder, "q2", ATTEMPT)
    recorder.close()
    part = read_part(recorder.path)
    assert (part.torn, part.gaps) == (1, 1)
    assert [ended.question_id for ended in part.ended] == ["q1", "q2"]
    assert part.bye is not None


def test_a_step_of_the_clock_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path)
    record(recorder, "q1", ATTEMPT)
    steady, now = read_part(recorder.path), time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: now() - 3_600_000_000_000)
    record(recorder, "q2", ATTEMPT)
    recorder.close()
    stepped = read_part(recorder.path)
    assert instrument.clock([steady, steady]).faults == ()
    (fault,) = instrument.clock([steady, stepped]).faults
    assert "a step of 3600.0 s" in str(fault)
    # Rows are stamped by a clock that no step moves.
    assert [ended.attempt.duration_us for ended in stepped.ended] == [ATTEMPT.duration_us] * 2


def test_files_that_are_no_results_are_refused() -> None:
    with pytest.raises(UnreadableError, match="status_code, response_time, success, timestamp"):
        read_text("")
    with pytest.raises(UnreadableError, match="timestamp"):
        read_text("status_code,response_time,success\n200,1,True\n")


@pytest.mark.parametrize(
    ("cell", "bad"),
    [
        ("timestamp=2026-02-30T00:00:00.000Z", True),
        ("timestamp=2026-11-24 03:00:00", False),
        ("timestamp=1969-12-31T23:59:59.000Z", True),
        ("timestamp=٢٠٢٦-11-24T03:00:00.000Z", True),
        ("response_time=-1", True),
        ("response_time=1e3", False),
        ("response_time=nan", True),
        ("response_time=", True),
        ("status_code=abc", True),
        ("status_code= 200 ", False),
        ("retry_after_seconds=soon", False),
        ("response_size=big", False),
    ],
)
def test_what_a_row_must_have(cell: str, bad: bool) -> None:
    cells = dict(zip(COLUMNS, ATTEMPT.cells(), strict=True))
    name, _, value = cell.partition("=")
    cells[name] = value
    table = read_text(f"{HEADER}\n{','.join(cells.values())}\n")
    assert (table.bad_rows, len(table.attempts)) == ((1, 0) if bad else (0, 1))


def test_the_tail_counts_as_the_run_goes(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    tail.read()
    assert (tail.starts, tail.user_count) == (0, 0)
    recorder = Recorder(tmp_path)
    recorder.phase("1 users", 1, 2.0, 0)
    record(recorder, "q1", REFUSAL, ATTEMPT)
    recorder.beat(cpu_percent=3, lag=0.001, users=7)
    tail.read()
    assert (tail.starts, tail.ends, tail.answers, tail.user_count, tail.stage) == (2, 2, 1, 7, "1 users")
    assert tail.statuses == {"429": 1, "200": 1}
    recorder.phase("2 users", 2, 2.0, 2_000_000)
    recorder.phase("end", 0, None, 4_000_000)
    with recorder.path.open("ab") as file:
        file.write(b'{"n":99,"k":"st')
    tail.read()
    tail.read()
    assert tail.finished_stages == [0.5, 0.0]
