"""A pool of q8_0 under the whole engine: full, with rooms that leave it and come back, windows included."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.rig import Rig, open_rig, question

from chatbot.domain.messages import Sampling


@pytest.fixture(params=["tiny32", "window32"])
def engine(models: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """With a pool that holds a few conversations, on a model without a window and on one with."""
    path = models / f"{request.param}.gguf"
    rig = open_rig(path, exact=False, threads=1, context_tokens=1024, pool_tokens=1024, kv_type="q8_0")
    yield rig
    rig.model.close()


@pytest.mark.anyio
async def test_rooms_go_on_after_others_have_filled_the_pool(engine: Rig) -> None:
    asked = [question(f"{number} " + "long ago " * 20) for number in range(8)]
    sampling = Sampling(temperature=0.0, max_tokens=60)
    first = [(await engine.ask(each, sampling)).finished.usage for each in asked]
    assert sum(usage.prompt + usage.completion for usage in first) > 1024, "the rooms together do not fit"
    again = [(await engine.ask(each, sampling)).finished.usage for each in asked]
    assert engine.loaded.engine.host_cache_bytes > 0
    assert all(usage.cached == usage.prompt - 1 for usage in again)
