"""A pool of q8_0 under the whole engine: rooms leave it and come back, windows and drafts included."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.engine.rig import Rig, open_rig, question
from tests.engine.test_equality import leave_the_pool

from chatbot.domain.messages import Conversation, Exchange, Sampling

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["tiny32", "window32"])
def engine(models: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Rig]]:
    """Opens an engine by the type of its pool, on a model without a window and on one with."""
    opened: list[Rig] = []

    def make(kv_type: str) -> Rig:
        path = models / f"{request.param}.gguf"
        opened.append(open_rig(path, exact=False, threads=1, context_tokens=2048, kv_type=kv_type))
        return opened[-1]

    yield make
    for one in opened:
        one.model.close()


async def test_rooms_go_on_after_they_have_left_the_pool(engine: Callable[[str], Rig]) -> None:
    rig = engine("q8_0")
    exchanges: tuple[Exchange, ...] = ()
    for turn in range(1, 6):
        asked = Conversation(system=question("").system, question=f"turn {turn}?", exchanges=exchanges)
        others = [question(f"noise {turn} {n} " + "x" * 60) for n in range(3)]
        mine, *_ = await rig.ask_all([asked, *others])
        leave_the_pool(rig)
        assert rig.loaded.engine.kv_used == 0
        exchanges += (Exchange(turn, f"turn {turn}?", mine.text or "-", UUID(int=turn)),)
    assert mine.finished.usage.cached > 0.8 * mine.finished.usage.prompt


async def test_a_saved_room_takes_about_half_of_the_memory(engine: Callable[[str], Rig]) -> None:
    sizes = []
    for kind in ("f16", "q8_0"):
        rig = engine(kind)
        await rig.ask(question("x" * 500), Sampling(temperature=0.0, max_tokens=4))
        leave_the_pool(rig)
        sizes.append(rig.loaded.engine.host_cache_bytes)
    assert 0.5 < sizes[1] / sizes[0] < 0.65
