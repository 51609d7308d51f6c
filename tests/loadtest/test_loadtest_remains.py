"""Runs whose parent is gone or never was: reported, verified and never called passed."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.loadtest.test_loadtest_records import ATTEMPT, REFUSAL, record

from loadtest.judge import summary
from loadtest.judge.judgement import NO_MANIFEST, UNSUPERVISED
from loadtest.record import merge
from loadtest.record.recorder import Recorder
from loadtest.report import publish

IDENTITY = {"id": "one", "started": "2026-11-24T03:00:00Z", "service": "office", "shape": "fixed", "users": 2}


def loadtest(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    """The exit code of a command."""
    from loadtest.cli import main

    monkeypatch.setattr("sys.argv", ["loadtest", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


def recorded(folder: Path, *, closed: bool = True) -> Recorder:
    folder.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(folder)
    for index in range(6):
        record(recorder, f"q{index}", *([REFUSAL, ATTEMPT] if index % 2 else [ATTEMPT]))
    # These attempts took no time while they were recorded; the witness of Little's law is told otherwise.
    recorder._area += recorder.ends * ATTEMPT.duration_us / 1e6
    recorder.beat(cpu_percent=3, lag=0.001, users=1)
    if closed:
        recorder.close()
    return recorder


def finished(folder: Path, word: str = "passed") -> None:
    """A run as its parent leaves it."""
    recorded(folder)
    found = merge.load(folder)
    merge.write(folder, found)
    publish.write_json(folder / publish.IDENTITY, IDENTITY)
    written: dict[str, Any] = {
        "run": IDENTITY,
        "verdict": {"exit": 0, "word": word, "reasons": []},
        **summary.build(summary.analyse(found), 30),
    }
    publish.publish(folder, written, torn=0)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_run_without_a_manifest_is_invalid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "one"
    recorded(folder)
    publish.write_json(folder / publish.IDENTITY, {**IDENTITY, "processes": 2})
    assert loadtest(monkeypatch, "report", folder) == 2
    said = capsys.readouterr().out
    assert "INVALID RUN" in said
    assert str(NO_MANIFEST) in said
    assert "1 part files of 2 generators" in said
    told = read(folder / publish.SUMMARY)
    assert (told["verdict"]["word"], told["totals"]["attempts"]) == ("invalid", 9)
    assert (folder / publish.REPORT).exists()
    assert not (folder / publish.MANIFEST).exists(), "only a parent may say that a run has finished"
    assert loadtest(monkeypatch, "verify", folder) == 2
    assert str(NO_MANIFEST) in capsys.readouterr().out


def test_what_locust_recorded_by_itself_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish.index(tmp_path)
    recorded(tmp_path / "own")
    assert loadtest(monkeypatch, "report", tmp_path / "own") == 0
    said = capsys.readouterr().out
    assert "NOT JUDGED" in said
    assert str(UNSUPERVISED) in said
    assert "PASSED" not in said
    told = read(tmp_path / "own" / publish.SUMMARY)
    assert {check["state"] for check in told["checks"]} == {"ok"}
    (listed,) = read(tmp_path / publish.INDEX)["runs"]
    assert (listed["id"], listed["finished"], listed["supervised"]) == ("own", False, False)


def test_a_worker_that_died_under_locust_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path / "own")
    recorded(tmp_path / "own", closed=False)
    assert loadtest(monkeypatch, "report", tmp_path / "own") == 2
    assert "did not say goodbye" in capsys.readouterr().out


@pytest.mark.parametrize(("word", "code"), [("passed", 0), ("missed", 1), ("invalid", 2)])
def test_a_verified_run_ends_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, code: int
) -> None:
    finished(tmp_path / "one", word)
    before = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert loadtest(monkeypatch, "verify", tmp_path / "one") == code
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} == before


@pytest.mark.parametrize("name", ["results.csv", "attempts.jsonl", "summary.json", "run.json", "report.html"])
def test_a_file_that_was_changed_or_lost_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tmp_path / "one"
    finished(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert loadtest(monkeypatch, "verify", folder) == 2
    assert f"{name}: changed since the run ended" in capsys.readouterr().out
    (folder / name).unlink()
    assert loadtest(monkeypatch, "verify", folder) == 2
    assert f"{name}: No such file" in capsys.readouterr().out


def test_a_part_that_joined_later_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path / "one")
    late = recorded(tmp_path / "one")
    assert loadtest(monkeypatch, "verify", tmp_path / "one") == 2
    assert f"{late.path.name}: not in the manifest" in capsys.readouterr().out


def test_a_new_page_of_a_finished_run_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "one"
    finished(folder)
    (folder / publish.REPORT).write_bytes(b"an older page")
    before = {
        p.name: p.read_bytes() for p in folder.iterdir() if p.name not in {"report.html", "manifest.json"}
    }
    assert loadtest(monkeypatch, "report", folder) == 0
    assert loadtest(monkeypatch, "verify", folder) == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert loadtest(monkeypatch, "report", folder, "--out", tmp_path / "copy.html") == 0
    assert (tmp_path / "copy.html").read_bytes() == (folder / publish.REPORT).read_bytes()


def test_a_page_of_a_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(tmp_path / "one")
    alone = tmp_path / "alone.csv"
    alone.write_bytes((tmp_path / "one/results.csv").read_bytes())
    assert loadtest(monkeypatch, "report", alone) == 0
    assert alone.with_suffix(".html").stat().st_size > 1_000_000
    alone.write_text("a,b\n1,2\n")
    assert loadtest(monkeypatch, "report", alone) == 64
    assert loadtest(monkeypatch, "report", tmp_path) == 64


def test_runs_are_listed_while_they_go_and_newest_first(tmp_path: Path) -> None:
    finished(tmp_path / "one")
    (tmp_path / "two").mkdir()
    publish.write_json(tmp_path / "two/run.json", {**IDENTITY, "started": "2026-11-25T03:00:00Z"})
    publish.index(tmp_path)
    listed = read(tmp_path / publish.INDEX)["runs"]
    assert [(run["id"], run["finished"]) for run in listed] == [("two", False), ("one", True)]
    assert (listed[1]["verdict"], listed[1]["rows"]) == ("passed", 9)
