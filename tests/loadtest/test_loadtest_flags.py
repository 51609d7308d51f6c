"""Flags: each is declared once, read by one rule on every way in, and handed on to the generators whole."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.cli import main
from loadtest.plan.flags import WrongUsageError, declared, from_texts
from loadtest.plan.load import LoadPlan
from loadtest.plan.request import RunRequest
from loadtest.plan.stages import ShapeName
from loadtest.run.processes import command

NUMBERS = ("rate", "spawn-rate", "client-timeout", "good-within", "max-lag")
WHOLE = ("users", "turns", "processes", "factor")
ODD = ("nan", "inf", "-inf", "-1", "0", "1e999", "x", "")
SHARES = ("stream-share", "search-share")
ADDRESSES = ("target", "host", "counters")


def exit_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """How `loadtest run` ends; nothing listens at the target."""
    start = ("loadtest", "run", "--target=http://127.0.0.1:9", "--wait=0.1s")
    monkeypatch.setattr(sys, "argv", [*start, *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.mark.parametrize(
    "argument",
    [
        *(f"--{name}={odd}" for name in NUMBERS for odd in ODD),
        *(f"--{name}={odd}" for name in WHOLE for odd in ("nan", "inf", "-1", "0", "1.5", "9" * 30)),
        *(f"--{name}={odd}" for name in SHARES for odd in ("nan", "inf", "-0.1", "1.1")),
        *(f"--duration={odd}" for odd in ("nan", "inf", "-1", "0", "9" * 400, "1..2")),
        *(f"--wait={odd}" for odd in ("nan", "inf", "-1", "0")),
        *(f"--steps={odd}" for odd in ("1,nan", "1,,2", "0,1", "-1", "")),
        *(f"--slo={odd}" for odd in ("p95<=nan", "within:nan>=9", "within:1.2.3>=9", f"p95<={'9' * 400}")),
        "--seed=nan",
    ],
)
def test_a_number_out_of_its_bounds_is_wrong_usage_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, argument: str
) -> None:
    assert exit_of(monkeypatch, f"--results={tmp_path}", argument) == 64
    said = capsys.readouterr()
    flag, _, value = argument.partition("=")
    assert f"{flag} " in said.err
    assert value in said.err
    assert "Traceback" not in said.out + said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ADDRESSES)
@pytest.mark.parametrize(
    "odd",
    [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:-1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:port",
        "http://[::1",
        "http://",
        "http://:8001",
        "http://a..b:8001",
        f"http://{'a' * 64}:8001",
        "http://a b",
        "ftp://127.0.0.1",
        "127.0.0.1:8001",
        "http://user:secret@127.0.0.1:8001",
        "http://127.0.0.1:8001/?x=1",
        "http://127.0.0.1:8001/#x",
    ],
)
def test_an_address_that_cannot_be_asked_is_wrong_usage_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    flag: str,
    odd: str,
) -> None:
    assert exit_of(monkeypatch, f"--results={tmp_path}", f"--{flag}={odd}") == 64
    said = capsys.readouterr()
    assert "is an address" in said.err
    assert "Traceback" not in said.out + said.err
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_held_to_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LOADTEST_RESULTS", str(tmp_path))
    monkeypatch.setenv("LOADTEST_COUNTERS", "http://127.0.0.1:8002 http://127.0.0.1:99999")
    assert exit_of(monkeypatch) == 64
    assert "--counters is an address" in capsys.readouterr().err


ADDRESS = st.sampled_from(("http://127.0.0.1:8001", "https://chat.example.org/suite", "http://[::1]:8001"))
POSITIVE = st.floats(0, 1_000_000, exclude_min=True, allow_nan=False)
LOADS = st.builds(
    LoadPlan,
    target=ADDRESS,
    service=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True), max_size=3, unique=True)
    .filter(lambda names: names not in (["all"], ["both"], ["suite"]))
    .map(tuple),
    api_key=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    shape=st.sampled_from(ShapeName.__args__),  # type: ignore[attr-defined]
    users=st.integers(1, 1_000_000),
    spawn_rate=POSITIVE,
    duration=st.integers(1, 10**9).map(lambda ms: ms / 1000),
    rate=POSITIVE,
    steps=st.lists(st.integers(1, 1000), min_size=1, max_size=9).map(tuple),
    factor=st.integers(2, 1000),
    stream_share=st.floats(0, 1),
    search_share=st.floats(0, 1),
    turns=st.integers(1, 99),
    seed=st.integers(-(10**17), 10**17),
    client_timeout=POSITIVE,
    results=st.just(Path("some/where")),
)


@given(load=LOADS)
def test_a_load_survives_being_written_and_read(load: LoadPlan) -> None:
    texts = {one.field: one.write(getattr(load, one.field)) for one in declared(LoadPlan)}
    assert from_texts(LoadPlan, texts) == load


def test_every_field_of_a_load_has_its_flag() -> None:
    for kind in (LoadPlan, RunRequest):
        assert [one.field for one in declared(kind)] == list(kind.__dataclass_fields__)


def test_generators_are_told_the_whole_load_and_no_list_of_processes_shows_the_key(tmp_path: Path) -> None:
    """Read back by the very options that locust has in such a process."""
    request = RunRequest.read(
        {
            "target": "http://127.0.0.1:9",
            "service": "tutor office",
            "api_key": "very-secret",
            "shape": "overload",
            "users": "7",
            "duration": "2.5s",
            "rate": "0.25",
            "steps": "3,5",
            "seed": "-4",
            "results": str(tmp_path),
            "run_id": "one",
            "processes": "2",
        }
    )
    line = command(request, share=1)
    assert "very-secret" not in " ".join(line)
    told = dict(part.removeprefix("--").split("=", 1) for part in line if "=" in part)
    assert told["share"] == "1/2"
    texts: dict[str, Any] = {
        one.field: told[one.names[-1].removeprefix("--")] for one in declared(LoadPlan) if not one.flag.secret
    }
    read = from_texts(LoadPlan, texts)
    for one in declared(LoadPlan):
        if not one.flag.secret:
            assert getattr(read, one.field) == getattr(request, one.field)


def test_a_run_id_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(WrongUsageError, match="two runs never share a folder"):
        RunRequest.read({"results": str(tmp_path), "run_id": "one"}).check_new()
