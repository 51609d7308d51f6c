"""The history checker itself, and a short run of it. bench.history_check is the long one, on both databases;
test_http_kill kills the other database every day.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.disturbances import of_suite
from tests.faults.history_checker import CANARY, Checked, Heard, check, describe, judge, null_suite

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Figures = Callable[[str, object], None]
"""pytest's record_property; bench.faults prints what it is given."""

ACKNOWLEDGED = 100
SECONDS = 100.0
RECOVERY_SECONDS = 30.0
"""The promise for the first stored turn after a fault, also on a busy machine."""


@pytest.fixture
def anyio_backend() -> str:
    """The clients' loop; the application brings its own."""
    return "asyncio"


def _heard() -> Heard:
    heard = Heard()
    heard.asked[:2] = [["a1", "a2", "a3"], ["b1", "b2"]]
    heard.acknowledged[:2] = [["a1", "a3"], ["b1", "b2"]]
    return heard


def test_the_checker_accepts_what_is_right() -> None:
    for rooms in ([["a1", "a3"], ["b1", "b2"]], [["b1", "a1", "a2", "b2", "a3"]]):
        assert judge(_heard(), rooms).holds
    assert judge(_heard(), [["a1", "a2", "a3", "b1", "b2"]]).unheard == 1


@pytest.mark.parametrize(
    ("room", "wrong"),
    [
        (["a1", "b1", "b2"], {"lost": ("a3",)}),
        (["a1", "a3", "b1", "b1", "b2"], {"doubled": ("b1",)}),
        (["a1", "a2", "a2", "a3", "b1", "b2"], {"doubled": ("a2",)}),
        (["a3", "a1", "b1", "b2"], {"disordered": ("a1",)}),
        (["a1", "a3", "b1", "b2", "c1"], {"foreign": ("c1",)}),
    ],
    ids=["lost", "doubled", "doubled unheard", "out of order", "foreign"],
)
def test_the_checker_finds_each_kind_of_wrong(room: list[str], wrong: dict[str, tuple[str, ...]]) -> None:
    verdict = judge(_heard(), [room])
    assert not verdict.holds
    kinds = ("lost", "doubled", "disordered", "foreign")
    assert {kind: getattr(verdict, kind) for kind in kinds if getattr(verdict, kind)} == wrong


def _assert_held(checked: Checked, record_property: Figures) -> None:
    record_property("figures", describe(checked))
    assert checked.verdict.holds, checked.verdict
    assert checked.verdict.acknowledged >= ACKNOWLEDGED
    assert checked.verdict.unheard <= checked.heard.ends.total() - checked.verdict.acknowledged
    assert set(checked.heard.ends) <= {"200", "503", "none"}
    assert max(checked.recoveries) < RECOVERY_SECONDS
    assert CANARY not in checked.log


@pytest.mark.timeout(240)
async def test_sqlite_keeps_every_acknowledged_turn_once_and_in_order(
    tmp_path: Path, record_property: Figures
) -> None:
    with null_suite(tmp_path) as suite:
        await suite.start()
        checked = await check(suite, of_suite(suite), acknowledged=ACKNOWLEDGED, seed=1, seconds=SECONDS)
    _assert_held(checked, record_property)
    assert checked.heard.ends["503"], "the disk was not full enough to show anything"
