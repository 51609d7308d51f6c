"""Whoever else is in the batch, whatever is cached, whoever was preempted: the text is the same.

Exact on random F32 weights with flash attention off and an F32 pool; on the real model arithmetic depends
on the shape of a batch, see test_real_model.
"""

import time

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, Rig, question

from chatbot.domain.messages import Conversation, Exchange, Sampling

pytestmark = pytest.mark.anyio

TWENTY = [question(f"Question {n}: " + "why " * (n % 7), system="Be kind. " * 8) for n in range(20)]
PENALISED = Sampling(temperature=0.0, repeat_penalty=1.3, max_tokens=40)
SAMPLED = Sampling(temperature=0.9, top_k=40, top_p=0.95, seed=7, max_tokens=40)


def leave_the_pool(rig: Rig) -> None:
    """What is parked moves to the host cache, and is gone where there is none."""
    engine = rig.loaded.engine
    # An engine that has just become idle still moves rooms on its own thread; then it waits for the lock.
    while engine._busy:
        time.sleep(0.001)
    with engine._called:
        while engine._roster.cache.evict_one():
            pass


@pytest.mark.parametrize("sampling", [GREEDY, PENALISED, SAMPLED], ids=["greedy", "penalised", "seeded"])
async def test_alone_equals_in_a_batch_of_twenty_equals_cached(rig: RigMaker, sampling: Sampling) -> None:
    batch, alone = rig(), rig(host_cache_mib=0)
    together = [answer.text for answer in await batch.ask_all(TWENTY, sampling)]
    single = []
    for conversation in TWENTY:
        single.append((await alone.ask(conversation, sampling)).text)
        leave_the_pool(alone)
    again = await batch.ask_all(TWENTY, sampling)
    assert together == single
    assert [answer.text for answer in again] == single
    assert all(answer.finished.usage.cached > 0.9 * answer.finished.usage.prompt for answer in again)
    assert len(set(single)) > 10, "the answers must differ for the comparison to mean anything"
    assert max(batch.meter.steps) >= 15, "they must have run together"


async def test_preempted_equals_not_preempted(rig: RigMaker) -> None:
    long = Sampling(temperature=0.7, seed=3, max_tokens=120)
    wide = rig(pool_tokens=8192)
    expected = [answer.text for answer in await wide.ask_all(TWENTY, long)]
    assert wide.meter.preemptions == 0
    narrow = rig(pool_tokens=1024)
    # Admission goes by expected length; short answers beforehand make it admit too many.
    for _ in range(3):
        await narrow.ask_all(TWENTY, Sampling(temperature=0.0, max_tokens=2))
    answers = await narrow.ask_all(TWENTY, long)
    assert narrow.meter.preemptions > 0
    assert [answer.text for answer in answers] == expected


@pytest.mark.parametrize("between", ["pool", "host cache"])
@pytest.mark.parametrize("model", ["tiny", "window"])
async def test_ten_turns_of_a_room_equal_the_same_turns_computed_anew(
    rig: RigMaker, model: str, between: str
) -> None:
    cached, fresh = rig(model, context_tokens=2048), rig(model, context_tokens=2048, host_cache_mib=0)
    exchanges: tuple[Exchange, ...] = ()
    for turn in range(1, 11):
        asked = Conversation(system=question("").system, question=f"turn {turn}?", exchanges=exchanges)
        # Others stream beside it and take cells that a window has left behind.
        others = [question(f"noise {turn} {n} " + "x" * 60) for n in range(3)]
        mine, *_ = await cached.ask_all([asked, *others])
        expected = await fresh.ask(asked)
        leave_the_pool(fresh)
        assert mine.text == expected.text, f"turn {turn}"
        if between == "host cache":
            leave_the_pool(cached)
            assert cached.loaded.engine.kv_used == 0
        exchanges += (Exchange(turn, f"turn {turn}?", mine.text or "-"),)
    assert mine.finished.usage.cached > 0.85 * mine.finished.usage.prompt
