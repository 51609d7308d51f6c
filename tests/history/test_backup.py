"""`chatbot history backup`: whole copies, few enough, and what `import` brings back from them."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from tests.history.makers import START, make_room, make_turn
from tests.history.servers import MongoServer
from typer.testing import CliRunner

from chatbot.adapters.history.records import read_whole_record, write_record
from chatbot.domain.errors import StartupError
from chatbot.domain.history import PathSummary
from chatbot.domain.service_names import ServiceName
from chatbot.server.commands.history import app

ROOT = Path(__file__).parents[2]
NEEDS_AGE = pytest.mark.skipif(shutil.which("age") is None, reason="age is not in PATH")
OLD = ["20250101T000000Z", "20250102T000000Z", "20250103T000000Z"]


@pytest.fixture(autouse=True)
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


def history(*arguments: str) -> str:
    """Output of `chatbot history …`; raises what ends it."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def ask(*users: str, service: str = "office") -> list[str]:
    """A stored turn of each user; its lines."""
    lines = [
        write_record(make_turn(make_room(user, ServiceName(service)), f"secret {user}")) for user in users
    ]
    Path("asked.jsonl").write_text("\n".join(lines), encoding="utf-8")
    history("import", "asked.jsonl")
    return lines


def users_in(text: str) -> list[str]:
    return sorted(json.loads(line)["user_id"] for line in text.splitlines())


def the_copy(copies: Path) -> Path:
    (found,) = copies.iterdir()
    return found


def restored(text: bytes, folder: Path) -> str:
    """The export of a fresh history that imported this text from standard input, as in a pod."""
    environment = os.environ | {"CHATBOT_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT / "src")}
    chatbot = [sys.executable, "-c", "from chatbot.server.cli import main; main()", "history"]
    for arguments in (["import", "/dev/stdin"], ["export", "--all"]):
        done = subprocess.run(
            [*chatbot, *arguments], input=text, env=environment, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_a_copy_holds_everybody_and_nothing_that_was_deleted(copies: Path, tmp_path: Path) -> None:
    ask("alice", "bob")
    history("delete", "--user", "bob", "--yes")
    ask("carol", service="character")
    assert "2 turns are in history-" in history("backup", str(copies))
    copy = the_copy(copies)
    assert users_in(copy.read_text()) == ["alice", "carol"]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert restored(copy.read_bytes(), tmp_path / "fresh") == history("export", "--all")


def test_a_copy_of_one_service_is_named_like_it(copies: Path) -> None:
    ask("alice")
    ask("carol", service="character")
    history("backup", str(copies), "--service", "character")
    assert the_copy(copies).name.startswith("character-")
    assert users_in(the_copy(copies).read_text()) == ["carol"]


def test_only_so_many_copies_of_that_name_stay(copies: Path) -> None:
    ask("alice")
    for time_ in OLD:
        (copies / f"history-{time_}.jsonl").touch()
        (copies / f"office-{time_}.jsonl").touch()
    (copies / "history-notes.jsonl").touch()
    assert "2 older copies were removed" in history("backup", str(copies), "--keep", "2")
    names = {path.name for path in copies.iterdir()}
    assert {name for name in names if name.startswith("history-2025")} == {f"history-{OLD[-1]}.jsonl"}
    assert {f"office-{time_}.jsonl" for time_ in OLD} | {"history-notes.jsonl"} <= names
    assert len(names) == 6


def test_an_empty_history_takes_no_copy_away(copies: Path) -> None:
    for time_ in OLD:
        (copies / f"history-{time_}.jsonl").touch()
    assert "no copy was made, and none was removed" in history("backup", str(copies), "--keep", "1")
    assert len(list(copies.iterdir())) == len(OLD)


@contextmanager
def writer(folder: Path) -> Iterator[Path]:
    """A process that stores one turn after the other; the file of those that it acknowledged."""
    acknowledged = folder / "acknowledged"
    acknowledged.touch()
    call = f"remember_until_killed({str(folder)!r}, {str(acknowledged)!r})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-c", f"from tests.history.killed import remember_until_killed; {call}"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield acknowledged
        finally:
            process.kill()


def test_a_copy_is_whole_while_another_process_writes(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    with writer(tmp_path / "data") as acknowledged:
        end = time.monotonic() + 60
        while len(before := acknowledged.read_text().splitlines()) < 50:
            assert time.monotonic() < end
            time.sleep(0.05)
        history("backup", str(copies))
    turns = [json.loads(line) for line in the_copy(copies).read_text().splitlines()]
    ids = [turn["id"] for turn in turns]
    assert set(before) <= set(ids)
    assert len(ids) == len(set(ids))
    assert [turn["index"] for turn in turns] == list(range(1, len(turns) + 1))
    assert {turn["after"] for turn in turns} <= {None, *ids}
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(tmp_path / "fresh"))
    assert f"imported {len(ids)} turns" in history("import", str(the_copy(copies)))
    assert history("export", "--all") == the_copy(copies).read_text()


@NEEDS_AGE
def test_with_public_keys_only_who_has_a_private_one_reads_a_copy(copies: Path, tmp_path: Path) -> None:
    ask("alice")
    made = subprocess.run(["age-keygen", "-o", "key.txt"], capture_output=True, text=True, check=True)
    Path("keys").write_text(made.stderr.removeprefix("Public key: "))
    history("backup", str(copies), "--keys", "keys")
    copy = the_copy(copies)
    assert copy.name.endswith(".jsonl.age")
    assert b"secret" not in copy.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600
    text = subprocess.run(["age", "-d", "-i", "key.txt", copy], capture_output=True, check=True).stdout
    assert restored(text, tmp_path / "fresh") == history("export", "--all")


@NEEDS_AGE
def test_keys_that_are_none_leave_the_copies_as_they_are(copies: Path) -> None:
    ask(*(f"user{number}" for number in range(200)))
    (copies / f"history-{OLD[0]}.jsonl").touch()
    Path("keys").write_text("no key\n")
    with pytest.raises(
        StartupError, match=r"age does not encrypt with the keys of keys: .*malformed recipient"
    ):
        history("backup", str(copies), "--keys", "keys", "--keep", "1")
    assert [path.name for path in copies.iterdir()] == [f"history-{OLD[0]}.jsonl"]


def test_without_age_nothing_is_written_in_the_clear(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("alice")
    Path("keys").write_text("age1\n")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StartupError, match="need age in PATH"):
        history("backup", str(copies), "--keys", "keys")
    assert list(copies.iterdir()) == []


def test_what_a_killed_backup_left_is_taken_over_and_a_running_one_is_left_alone(copies: Path) -> None:
    ask("alice")
    aside = copies / ".history.part"
    aside.write_text("x" * 100_000)
    with aside.open() as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        with pytest.raises(StartupError, match="another backup"):
            history("backup", str(copies))
        assert aside.stat().st_size == 100_000
    history("backup", str(copies))
    assert users_in(the_copy(copies).read_text()) == ["alice"]


def test_a_folder_that_cannot_be_written_is_one_sentence(copies: Path) -> None:
    (copies / ".history.part").mkdir()
    with pytest.raises(StartupError, match="cannot be written: Is a directory"):
        history("backup", str(copies))


def test_a_database_that_is_away_leaves_the_copies_as_they_are(
    copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copies / f"history-{OLD[0]}.jsonl").touch()
    monkeypatch.setenv("CHATBOT_HISTORY__MONGO_URI", "mongodb://127.0.0.1:9/")
    monkeypatch.setenv("CHATBOT_HISTORY__TIMEOUT_SECONDS", "0.1")
    with pytest.raises(StartupError, match="the history database cannot be used"):
        history("backup", str(copies), "--keep", "1")
    assert [path.name for path in copies.iterdir()] == [f"history-{OLD[0]}.jsonl"]


def test_mongo_is_copied_too(
    copies: Path, mongo_server: MongoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHATBOT_HISTORY__MONGO_URI", mongo_server.uri)
    monkeypatch.setenv("CHATBOT_HISTORY__DATABASE", f"backup_{uuid4().hex[:12]}")
    ask("alice", "bob")
    history("delete", "--user", "bob", "--yes")
    assert "1 turns are in" in history("backup", str(copies))
    assert users_in(the_copy(copies).read_text()) == ["alice"]


def test_a_summary_is_exported_and_copied_with_its_turn(copies: Path, tmp_path: Path) -> None:
    turns = [make_turn(make_room("alice"), f"q{number}") for number in range(2)]
    told = PathSummary(uuid4(), turns[0].room, turns[0].id, '요약 "summary"\n둘째 줄', True, START)
    lines = [write_record(turns[0], summary=told), write_record(turns[1])]
    Path("asked.jsonl").write_text("\n".join(lines), encoding="utf-8")
    history("import", "asked.jsonl")
    history("import", "asked.jsonl")
    history("backup", str(copies))
    text = the_copy(copies).read_text(encoding="utf-8")
    summaries = [read_whole_record(line).summary for line in text.splitlines()]
    assert [one for one in summaries if one] == [told]
    assert restored(text.encode(), tmp_path / "elsewhere") == text


def test_a_line_with_a_damaged_summary_is_left_out_and_named(copies: Path) -> None:
    record = json.loads(write_record(make_turn(make_room("alice"))))
    Path("asked.jsonl").write_text(json.dumps({**record, "summary": {"text": "secret"}}), encoding="utf-8")
    result = CliRunner().invoke(app, ["import", "asked.jsonl"])
    assert result.exit_code == 1
    assert "left out asked.jsonl line 1: not a turn: summary.created_at, summary.id" in result.stdout
    assert "secret" not in result.stdout
