"""A pool of q8_0 under the whole engine: full, with rooms that leave it and come back, windows included."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.engine.rig import Rig, open_rig, question

from chatbot.domain.messages import Conversation, Exchange, Sampling


@pytest.fixture(params=["tiny32", "window32"])
def engine(models: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """With a pool that holds a few conversations, on a model without a window and on one with."""
    path = models / f"{request.param}.gguf"
    rig = open_rig(path, exact=False, threads=1, context_tokens=1024, pool_tokens=1024, kv_type="q8_0")
    yield rig
    rig.model.close()


@pytest.mark.anyio
async def test_rooms_go_on_after_others_have_filled_the_pool(engine: Rig) -> None:
    rooms: list[tuple[Exchange, ...]] = [()] * 6
    sampling = Sampling(temperature=0.0, max_tokens=60)
    for turn in range(1, 5):
        asked = [
            Conversation(system=question("").system, question=f"{n}, turn {turn}?", exchanges=exchanges)
            for n, exchanges in enumerate(rooms)
        ]
        answers = await engine.ask_all(asked, sampling)
        rooms = [
            (*one.exchanges, Exchange(turn, one.question, answer.text or "-", UUID(int=turn)))
            for one, answer in zip(asked, answers, strict=True)
        ]
    last = [answer.finished.usage for answer in answers]
    assert sum(usage.prompt + usage.completion for usage in last) > 1024, "the rooms together do not fit"
    assert engine.loaded.engine.host_cache_bytes > 0
    assert all(usage.cached > 0.7 * usage.prompt for usage in last)
