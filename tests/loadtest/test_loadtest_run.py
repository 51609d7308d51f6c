"""Whole runs through the command line against a server that keeps a journal: files, counters, exit codes."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.loadtest import fake_service as fakes

from loadtest.record.files import PARTS
from loadtest.record.merge import load
from loadtest.record.rows import COLUMNS

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
pytestmark = pytest.mark.slow


@pytest.fixture
def fake() -> Iterator[fakes.Fake]:
    with fakes.running(fakes.Fake(seconds=0.05, places=3, retry_after=0.3)) as fake:
        yield fake


def command(fake: fakes.Fake, results: Path, *flags: str) -> list[str]:
    start = [sys.executable, "-c", "from loadtest.cli import main; main()", "run", f"--target={fake.url}"]
    # These tests share a busy machine; how late a generator may be is tested elsewhere.
    return [*start, f"--counters={fake.url}", f"--results={results}", "--run-id=one", "--max-lag=10", *flags]


def run(fake: fakes.Fake, results: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(fake, results, *flags),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.timeout(180)
def test_a_finished_run_of_the_same_content_is_not_run_again(fake: fakes.Fake, tmp_path: Path) -> None:
    flags = ("--users=1", "--duration=1s", "--slo=success>=50")
    first = run(fake, tmp_path, *flags, "--content=abc")
    asked = len(fake.journal)
    assert asked
    again = run(fake, tmp_path, *flags, "--content=abc")
    assert again.returncode == first.returncode
    assert "was run before and ended as" in again.stdout
    for other in ("--content=xyz", ""):
        refused = run(fake, tmp_path, *flags, *filter(None, [other]))
        assert refused.returncode == 64
        assert "two runs never share a folder" in refused.stderr
    (tmp_path / "one" / "manifest.json").unlink()
    assert run(fake, tmp_path, *flags, "--content=abc").returncode == 64, "it was cut off and has no end"
    assert len(fake.journal) == asked


@pytest.mark.timeout(180)
def test_a_good_run_passes_and_agrees_with_the_counters_to_the_last_request(
    fake: fakes.Fake, tmp_path: Path
) -> None:
    fake.script.extend([fakes.fail(500), fakes.fail(504)])
    done = run(
        fake, tmp_path, "--users=6", "--spawn-rate=20", "--duration=3s", "--processes=2", "--slo=success>=50"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
    folder = tmp_path / "one"
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(fake.journal) == len(set(fake.ids()))
    assert {entry["id"] for entry in fake.journal} == {end.attempt_id for end in load(folder).ended}
    assert (
        sum(row["status_code"] == "429" for row in rows)
        == fake.counts["office", "refused"] + fake.counts["character", "refused"]
    )
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert {row["test_type"] for row in rows} == {"character", "office"}
    summary = read(folder / "summary.json")
    assert summary["totals"]["attempts"] == len(rows)
    assert {check["name"]: check["state"] for check in summary["checks"]} == dict.fromkeys(
        ("generators", "records", "finished", "health", "clock", "little", "rate", "counters"), "ok"
    ), summary["checks"]
    assert len(summary["counters"]) == 4
    for comparison in summary["counters"]:
        assert comparison["state"] == "agree"
        assert comparison["counted"] == comparison["least"] == comparison["most"]
    manifest = read(folder / "manifest.json")
    assert (manifest["rows"], manifest["verdict"]) == (len(rows), "passed")
    assert {*manifest["sha256"]} == {path.name for path in folder.iterdir()} - {
        "manifest.json",
        "locust.log",
    }
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (
        max(path.stat().st_mtime_ns for path in folder.iterdir())
        == (folder / "manifest.json").stat().st_mtime_ns
    )
    assert [entry["id"] for entry in read(tmp_path / "runs.json")["runs"]] == ["one"]
    assert (tmp_path / "index.html").stat().st_size > 1_000_000
    assert len(fake.deleted) == len({(row["test_type"], row["user_id"]) for row in rows})


def test_rooms_go_on_over_turns(fake: fakes.Fake, tmp_path: Path) -> None:
    flags = (
        "--service=character",
        "--users=3",
        "--duration=4s",
        "--stream-share=1",
        "--turns=2",
        "--keep-rooms",
    )
    done = run(fake, tmp_path, *flags, "--spawn-rate=20", "--slo=p99<=0.001", "--slo=max<=0.001")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "p99<=0.001: cannot be decided, n = " in done.stdout
    rooms: dict[str, list[dict[str, Any]]] = {}
    for entry in fake.journal:
        rooms.setdefault(entry["body"]["user_id"], []).append(entry["body"])
    assert len(rooms) == 3
    assert max(map(len, rooms.values())) >= 2
    for bodies in rooms.values():
        for turn, body in enumerate(bodies):
            assert body["db_id"] == (None if turn % 2 == 0 else "123e4567-e89b-12d3-a456-426614174000")
            assert body["character_name"] == bodies[turn - turn % 2]["character_name"]
    assert fake.deleted == []
    assert read(tmp_path / "one/summary.json")["latency"]["first_token"]["n"] == len(fake.journal)


def test_a_missed_goal_in_an_open_loop(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.places = 1000
    done = run(fake, tmp_path, "--shape=arrivals", "--rate=20", "--duration=3s", "--slo=max<=0.001")
    assert done.returncode == 1, done.stdout + done.stderr
    summary = read(tmp_path / "one/summary.json")
    assert summary["verdict"]["word"] == "missed"
    assert 50 <= summary["totals"]["questions"] <= 100
    assert summary["latency"]["lateness"]["n"] == summary["totals"]["questions"]
    assert next(check for check in summary["checks"] if check["name"] == "rate")["state"] == "ok"


@pytest.mark.timeout(180)
def test_a_dead_generator_and_an_interruption_make_the_run_invalid(fake: fakes.Fake, tmp_path: Path) -> None:
    flags = ("--users=4", "--spawn-rate=20", "--duration=60s", "--processes=2", "--client-timeout=5")
    with subprocess.Popen(
        command(fake, tmp_path, *flags), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        folder = tmp_path / "one"
        deadline = time.monotonic() + 60
        while len(fake.journal) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        victim = int(min(folder.glob(PARTS)).name.split("-")[-2])
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "did not say goodbye" in output
    assert "the run was interrupted" in output
    found = load(folder)
    recorded = {end.attempt_id for end in found.ended} | {start["id"] for start in found.opened}
    assert {entry["id"] for entry in fake.journal} <= recorded
    assert read(folder / "manifest.json")["verdict"] == "invalid"


def test_a_service_that_is_still_loading_is_not_reached_yet(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.kv_total = 0
    done = run(fake, tmp_path, "--wait=0.2s")
    assert done.returncode == 3
    assert "still loading" in done.stdout


def test_nobody_there(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.url = "http://127.0.0.1:9"
    done = run(fake, tmp_path, "--wait=0.2s")
    assert done.returncode == 3
    assert "UNREACHABLE" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "flag",
    [
        "--slo=speed>=9",
        "--slo=p95",
        "--users=0",
        "--duration=soon",
        "--shape=round",
        "--run-id=../x",
        "--nope",
    ],
)
def test_wrong_usage_is_told_apart(
    fake: fakes.Fake, tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from loadtest.cli import main

    argv = sys.argv
    sys.argv = ["loadtest", *command(fake, tmp_path)[3:], flag]
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        sys.argv = argv
    assert left.value.code == 64
    assert capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
