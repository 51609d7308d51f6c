"""A disk that takes no turns: refused before the answer is computed, read and deleted all the same, and over
when there is room again.
"""

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.history.makers import make_room, make_turn
from tests.history.resilience import FAST, until
from tests.support.fakes import FakeModel, SilentMeter, client_of, service_state
from tests.support.gguf_factory import Plan, write_model
from tests.support.memory_history import MemoryHistory
from tests.system.running_suite import RunningSuite, running_suite

from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.adapters.history.writability import Writability
from chatbot.domain.telemetry import Outcome

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROOM = "123e4567-e89b-12d3-a456-426614174000"
REMEMBERED = {"input_data": "안녕", "user_id": "u", "db_id": ROOM}


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[ResilientHistory]:
    """A history on this machine's disk, whose background task looks often."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    history = ResilientHistory(await SqliteTurnStore.open(tmp_path / "turns.sqlite3"), spool, 1.0, FAST)
    history.start()
    yield history
    await history.close()


async def test_little_room_is_noticed_before_a_turn_is_lost_and_deletes_go_on(
    history: ResilientHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    await history.remember(make_turn(room, "a"))
    assert history.can_store()
    before = sorted(each.name for each in history.spool.folder.iterdir())
    monkeypatch.setattr("chatbot.adapters.history.disk.RESERVE_BYTES", 2**62)
    await until(lambda: not history.can_store())
    await history.ping()
    assert [turn.question for turn in await history.page(room, 0, 10)] == ["a"]
    assert await history.delete_room(room) == 1
    assert sorted(each.name for each in history.spool.folder.iterdir()) in (before, ["lock"])
    monkeypatch.undo()
    await until(history.can_store)


async def test_a_question_whose_turn_could_not_be_stored_is_refused_before_any_work() -> None:
    model, history, meter = FakeModel(), MemoryHistory(), SilentMeter()
    async with client_of(service_state(model=model, history=history, meter=meter)) as client:
        assert (await client.post("/office/Llama", json=REMEMBERED)).status_code == 200
        history.writable = False
        refused = await client.post("/office/Llama", json=REMEMBERED)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert len(model.requests) == 1
        assert meter.outcomes == [Outcome.SUCCESSFUL, Outcome.FAILED]
        assert (await client.get("/readyz")).json()["history"] == "full"
        # What is not to be remembered needs no disk, and what frees it must work.
        assert (await client.post("/office/Llama", json={"input_data": "안녕"})).status_code == 200
        body = {"messages": [{"role": "user", "content": "안녕"}]}
        assert (await client.post("/office/v1/chat/completions", json=body)).status_code == 200
        deleted = await client.delete(f"/office/rooms/{ROOM}", params={"user_id": "u"})
        assert deleted.json() == {"deleted": 1}


async def test_a_look_that_began_before_a_turn_was_lost_does_not_call_the_disk_writable() -> None:
    class Slow:
        def __init__(self) -> None:
            self.looking, self.go_on = asyncio.Event(), asyncio.Event()

        async def check_writable(self, *, by_writing: bool) -> None:
            self.looking.set()
            await self.go_on.wait()

    place, writability = Slow(), Writability()
    look = asyncio.create_task(writability.look(place))
    await place.looking.wait()
    writability.lost(OSError("full"))
    place.go_on.set()
    await look
    assert not writability.given
    await writability.look(place)
    assert writability.given


def _steps(suite: RunningSuite) -> float:
    """How many steps the engine has made; the last of an answer is counted just after that has left."""
    seen, now = -1.0, suite.metric("chatbot_step_seconds_count")
    while seen != now:
        time.sleep(0.5)
        seen, now = now, suite.metric("chatbot_step_seconds_count")
    return now


def _fill_disk(suite: RunningSuite, *, full: bool) -> None:
    """Let every write of the suite to a file fail, as on a full disk, or none."""
    _, hard = resource.prlimit(suite.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(suite.process.pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))


def test_a_disk_that_refuses_stops_questions_with_a_room_until_it_takes_them_again(tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny.gguf", Plan())
    settings = dict.fromkeys(("CHATBOT_OFFICE__MODEL", "CHATBOT_CHARACTER__MODEL"), str(model))
    with (
        running_suite(tmp_path, **settings, CHATBOT_OFFICE__MAX_TOKENS="4") as suite,
        httpx.Client(base_url=suite.office, timeout=60) as client,
    ):
        _fill_disk(suite, full=True)
        # The disk says that it has room, so one answer is computed that nobody can store.
        assert client.post("/office/Llama", json=REMEMBERED).status_code == 503
        computed = _steps(suite)
        for _ in range(3):
            assert client.post("/office/Llama", json=REMEMBERED).status_code == 503
        assert _steps(suite) == computed
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["history"]) == (200, "full")
        assert client.post("/office/Llama", json={"input_data": "안녕"}).status_code == 200
        _fill_disk(suite, full=False)
        deadline = time.monotonic() + 30
        while client.get("/readyz").json()["history"] != "reachable":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.post("/office/Llama", json=REMEMBERED).status_code == 200
        page = client.get(f"/office/rooms/{ROOM}", params={"user_id": "u"}).json()
    assert [turn["input_data"] for turn in page["turns"]] == ["안녕"]
