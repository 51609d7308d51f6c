"""The MongoDB half of the tests is never silently left out where it is asked for."""

import pytest
from tests.history.servers import REQUIRED, VARIABLE, find_program


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for name in (VARIABLE, REQUIRED, "CI"):
        monkeypatch.delenv(name, raising=False)


def test_a_laptop_without_a_server_skips_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match=VARIABLE):
        find_program()


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), (REQUIRED, "1")])
def test_where_it_is_required_its_absence_fails(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(pytest.fail.Exception, match=VARIABLE):
        find_program()


def test_a_wrong_path_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED, "1")
    monkeypatch.setenv(VARIABLE, "/nowhere/docdb")
    with pytest.raises(pytest.fail.Exception):
        find_program()
