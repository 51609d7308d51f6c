"""The order within a step, and what a call reports instead of telling it itself."""

import asyncio

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, Rig, question

from chatbot.domain.messages import Sampling
from chatbot.llm.llama.stepper import DecodedCall, Rows

pytestmark = pytest.mark.anyio


def watch(rig: Rig) -> list[DecodedCall | str]:
    """The calls from now on, and "delivered" where their events leave, if there are any."""
    engine = rig.loaded.engine
    decode, flush = engine._stepper.decode, engine._delivery.flush
    seen: list[DecodedCall | str] = []

    def watched_decode(rows: Rows) -> DecodedCall:
        call = decode(rows)
        seen.append(call)
        return call

    def watched_flush() -> None:
        # A token that ends within a character has nothing to deliver; its turn to is the same.
        seen.append("delivered")
        flush()

    engine._stepper.decode = watched_decode  # type: ignore[method-assign]
    engine._delivery.flush = watched_flush  # type: ignore[method-assign]
    return seen


async def test_on_a_cpu_answers_are_delivered_before_the_prompts_are_read(rig: RigMaker) -> None:
    engine = rig(context_tokens=16384, pool_tokens=20480)
    # So long that it still streams when a busy machine gets to ask the other question.
    streaming = asyncio.create_task(
        engine.ask(question("go on"), Sampling(temperature=0.0, max_tokens=16000))
    )
    while not engine.meter.steps:
        await asyncio.sleep(0.001)
    seen = watch(engine)
    # The call that was running when the watch began is not seen.
    while not any(isinstance(call, DecodedCall) for call in seen):
        await asyncio.sleep(0.001)
    await engine.ask(question("x" * 2000), GREEDY, caller="other")
    streaming.cancel()
    await asyncio.gather(streaming, return_exceptions=True)
    mixed = [call for call in seen if isinstance(call, DecodedCall) and call.read and call.generating]
    assert all(call.read + call.generating <= 64 for call in mixed), "tiles begin there"
    reading = [place for place, call in enumerate(seen) if isinstance(call, DecodedCall) and call.read > 64]
    assert reading, "the prompt was read in calls of its own"
    for place in reading:
        before = seen[place - 2 : place]
        assert isinstance(before[0], DecodedCall)
        assert before[0].generating >= 1
        assert before[1] == "delivered"


async def test_a_call_reports_whom_it_preempted_and_who_can_be_sampled(rig: RigMaker) -> None:
    engine = rig(pool_tokens=1024)
    seen = watch(engine)
    asked = [question(f"{n}", system="Be kind. " * 8) for n in range(20)]
    for _ in range(3):
        await engine.ask_all(asked, Sampling(temperature=0.0, max_tokens=2))
    answers = await engine.ask_all(asked, Sampling(temperature=0.7, seed=3, max_tokens=120))
    calls = [call for call in seen if isinstance(call, DecodedCall)]
    assert sum(call.preempted for call in calls) == engine.meter.preemptions > 0
    assert all(call.ran and not call.failed and not call.broken for call in calls)
    tokens = sum(answer.finished.usage.completion for answer in answers) + 3 * 20 * 2
    assert sum(len(call.ready) + call.accepted for call in calls) >= tokens
    assert engine.meter.steps == [call.generating for call in calls if call.generating]
