"""The history commands as a person runs them, on a file of their own."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.domain.test_avatars import PLAIN
from tests.history.makers import START, make_room, make_turn
from tests.history.servers import MongoServer
from typer.testing import CliRunner, Result

from chatbot.adapters.history.character_records import write_character
from chatbot.adapters.history.records import write_record
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.errors import StartupError
from chatbot.domain.history import Owner, RoomState
from chatbot.domain.lorebook import Lorebook, LoreEntry
from chatbot.domain.service_names import ServiceName
from chatbot.server.commands.history import app


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(tmp_path / "data"))


def chatbot_history(*arguments: str, input_: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=input_)


@pytest.fixture
def export_file(tmp_path: Path) -> Path:
    """Two rooms of alice in both services and one of bob."""
    rooms = [make_room(), make_room(service=ServiceName("character")), make_room("bob")]
    file = tmp_path / "export.jsonl"
    lines = [write_record(make_turn(room, f"q{number}")) for room in rooms for number in range(2)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def lines_of(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_import_export_and_delete(export_file: Path, tmp_path: Path) -> None:
    assert "3 rooms: would import 6 turns" in chatbot_history("import", str(export_file), "--dry-run").stdout
    assert lines_of(chatbot_history("export", "--all")) == []
    assert "3 rooms: imported 6 turns, 0 were here" in chatbot_history("import", str(export_file)).stdout
    assert "imported 0 turns, 6 were here already" in chatbot_history("import", str(export_file)).stdout

    assert len(lines_of(chatbot_history("export", "--all"))) == 6
    mine = lines_of(chatbot_history("export", "--user", "alice"))
    assert {line["user_id"] for line in mine} == {"alice"}
    assert len(mine) == 4
    office = lines_of(chatbot_history("export", "--user", "alice", "--service", "office"))
    assert {line["service"] for line in office} == {"office"}
    room = office[0]["db_id"]
    assert len(lines_of(chatbot_history("export", "--user", "alice", "--room", room))) == 2
    assert chatbot_history("export", "--all", "-o", "all.jsonl").exit_code == 0
    assert len((tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()) == 6

    assert "deleted 2 turns" in chatbot_history("delete", "--user", "alice", "--room", room, "--yes").stdout
    assert chatbot_history("delete", "--user", "alice", input_="n\n").exit_code == 1
    assert "deleted 2 turns" in chatbot_history("delete", "--user", "alice", input_="y\n").stdout
    assert {line["user_id"] for line in lines_of(chatbot_history("export", "--all"))} == {"bob"}


def test_a_damaged_line_is_named_the_rest_is_imported_and_the_code_tells(
    export_file: Path, tmp_path: Path
) -> None:
    export_file.write_bytes(b"\xef\xbb\xbf" + export_file.read_bytes() + b"\n{half a li")
    result = chatbot_history("import", str(export_file))
    assert "3 rooms: imported 6 turns" in result.stdout
    assert "left out export.jsonl line 7" in result.stdout
    assert result.exit_code == 1
    old = tmp_path / "office_log_carol.json"
    turns = [{"input_data": "q", "output_data": "a"}, {"input_data": "q"}]
    old.write_text(json.dumps({"id": str(uuid4()), "value": turns}), encoding="utf-8")
    result = chatbot_history("import", str(old))
    assert "1 entries have no question or answer" in result.stdout
    assert result.exit_code == 1


def test_prune_and_status(export_file: Path) -> None:
    chatbot_history("import", str(export_file))
    with pytest.raises(StartupError, match="RETENTION_DAYS"):
        raise_if_failed(chatbot_history("prune"))
    assert "deleted 0 turns" in chatbot_history("prune", "--days", "36500").stdout
    status = chatbot_history("status")
    assert status.exit_code == 0
    for words in ("SQLite", "0 turns wait", "no limit", "reachable  yes"):
        assert words in status.stdout


def raise_if_failed(result: Result) -> None:
    if result.exception is not None:
        raise result.exception


@pytest.mark.parametrize(
    "arguments",
    [
        ("export",),
        ("export", "--user", "한글"),
        ("export", "--all", "--user", "alice"),
        ("delete", "--yes"),
        ("delete", "--user", "../alice", "--yes"),
        ("import",),
        ("import", "missing.jsonl"),
        ("import", "--database", "old", "--timezone", "Asia/Atlantis"),
        ("prune", "--days", "0"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...]) -> None:
    assert chatbot_history(*arguments).exit_code == 2


def test_an_absent_mongo_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_HISTORY__MONGO_URI", "mongodb://user:hunter2@127.0.0.1:9/")
    monkeypatch.setenv("CHATBOT_HISTORY__TIMEOUT_SECONDS", "0.1")
    with pytest.raises(StartupError, match="cannot be used") as error:
        raise_if_failed(chatbot_history("export", "--all"))
    assert "hunter2" not in str(error.value)
    status = chatbot_history("status")
    assert status.exit_code == 1
    assert "reachable  no" in status.stdout
    assert "hunter2" not in status.stdout


def test_the_same_commands_on_mongo(
    export_file: Path, mongo_server: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATBOT_HISTORY__MONGO_URI", mongo_server.uri)
    monkeypatch.setenv("CHATBOT_HISTORY__DATABASE", f"cli_{uuid4().hex[:12]}")
    assert "imported 6 turns" in chatbot_history("import", str(export_file)).stdout
    assert len(lines_of(chatbot_history("export", "--all"))) == 6
    assert "deleted 4 turns" in chatbot_history("delete", "--user", "alice", "--yes").stdout
    assert "reachable  yes" in chatbot_history("status").stdout


def test_characters_are_exported_backed_up_deleted_and_imported(tmp_path: Path) -> None:
    owner = Owner(ServiceName("character"), "alice")
    whole = CharacterSheet(
        name="레이철", context="사서", lorebook=Lorebook(entries=(LoreEntry(content="비"),))
    )
    stored = StoredCharacter(uuid4(), 3, whole, START, PLAIN)
    line = write_character(owner, stored)
    file = tmp_path / "characters.jsonl"
    broken = line.replace('"name"', '"no_name"')
    file.write_text(f"{line}\n{write_record(make_turn(make_room()))}\n{broken}\n", encoding="utf-8")
    imported = chatbot_history("import", str(file))
    assert imported.exit_code == 1
    assert "1 rooms: imported 1 turns" in imported.stdout
    assert "characters: imported 1, 0 were here already" in imported.stdout
    assert "line 3: not a character: fields.name" in imported.stdout
    assert "characters: imported 0, 1 were here already" in chatbot_history("import", str(file)).stdout

    (tmp_path / "copies").mkdir()
    assert "1 turns and 1 characters are in" in chatbot_history("backup", "copies").stdout
    exported = lines_of(chatbot_history("export", "--all"))
    assert [line.get("character_id") for line in exported] == [None, str(stored.id)]
    assert exported[1] == {**json.loads(line), "version": 1}
    (room,) = [line["db_id"] for line in exported[:1]]
    assert len(lines_of(chatbot_history("export", "--user", "alice", "--room", room))) == 1
    assert "deleted 1 turns and 1 characters" in chatbot_history("delete", "--user", "alice", "--yes").stdout
    assert lines_of(chatbot_history("export", "--all")) == []
    (copy,) = (tmp_path / "copies").iterdir()
    assert "characters: imported 1" in chatbot_history("import", str(copy)).stdout


def test_what_was_chosen_for_a_room_is_in_every_export_and_comes_back(tmp_path: Path) -> None:
    room, other = make_room(), make_room()
    state = RoomState(1, "여행", pinned=True, facts=("민준은 배를 싫어한다.",))
    first, second = make_turn(room, "하나"), make_turn(room, "둘")
    lines = [write_record(first, state), write_record(second), write_record(make_turn(other))]
    file = tmp_path / "turns.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert "would import 3 turns" in chatbot_history("import", str(file), "--dry-run").stdout
    assert "imported 3 turns" in chatbot_history("import", str(file)).stdout
    exported = chatbot_history("export", "--all").stdout
    assert [json.loads(line).get("state") for line in exported.splitlines() if str(room.db_id) in line] == [
        {
            "title": "여행",
            "pinned": True,
            "leaf": None,
            "newest": None,
            "facts": ["민준은 배를 싫어한다."],
        },
        None,
    ]
    (tmp_path / "copies").mkdir()
    assert chatbot_history("backup", "copies").exit_code == 0
    assert "deleted 3 turns" in chatbot_history("delete", "--user", "alice", "--yes").stdout
    (copy,) = (tmp_path / "copies").iterdir()
    assert "imported 3 turns" in chatbot_history("import", str(copy)).stdout
    assert chatbot_history("export", "--all").stdout == exported


def test_a_turn_that_was_asked_with_a_kept_character_comes_back(tmp_path: Path) -> None:
    room = make_room(service=ServiceName("character"))
    asked_with = {"character_id": str(uuid4()), "author_note": 'the "fields" and "updated_at"'}
    turn = make_turn(room, 'what is "fields"?', asked_with=asked_with)
    file = tmp_path / "turns.jsonl"
    file.write_text(write_record(turn), encoding="utf-8")
    assert "imported 1 turns" in chatbot_history("import", str(file)).stdout
    exported = lines_of(chatbot_history("export", "--all"))
    remembered: Any = exported[0]["asked_with"]
    assert remembered == asked_with

    (tmp_path / "copies").mkdir()
    assert chatbot_history("backup", "copies").exit_code == 0
    assert "deleted 1 turns" in chatbot_history("delete", "--user", "alice", "--yes").stdout
    (copy,) = (tmp_path / "copies").iterdir()
    elsewhere = tmp_path / "elsewhere"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHATBOT_DATA_DIR", str(elsewhere))
        assert "imported 1 turns" in chatbot_history("import", str(copy)).stdout
        assert lines_of(chatbot_history("export", "--all")) == exported
