"""What llama_decode may answer, injected at the one place that calls it: nobody else pays for it."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import Rig, question

from chatbot.domain.errors import ModelFailed, Unavailable
from chatbot.domain.messages import Sampling
from chatbot.domain.models import ModelState
from chatbot.llm.llama.context import Context, DecodeError, Logits
from chatbot.llm.llama.stepper import Rows

pytestmark = pytest.mark.anyio

CHATS = [question(f"number {n}", system="s" * 20) for n in range(6)]
SAMPLING = Sampling(temperature=0.8, seed=5, max_tokens=30)


def break_decode(rig: Rig, code: int, calls: Callable[[int], bool], *, streams: int = 1) -> list[int]:
    """Let the engine's decode answer ``code`` on the calls (counted from 1) that ``calls`` picks.

    Calls while fewer than ``streams`` run do not count. Returns the numbers of those broken so far.
    """
    stepper, roster = rig.loaded.engine._stepper, rig.loaded.engine._roster
    seen, broken = 0, list[int]()

    def wrap(context: Context) -> None:
        real = context.decode

        def decode() -> None:
            nonlocal seen
            if len(roster.running) >= streams:
                seen += 1
                if calls(seen):
                    broken.append(seen)
                    raise DecodeError(code)
            real()

        context.decode = decode  # type: ignore[method-assign]

    wrap(stepper.context)
    fresh = rig.loaded.engine._setup.new_context

    def new_context() -> Context:
        context = fresh()
        wrap(context)
        return context

    object.__setattr__(rig.loaded.engine._setup, "new_context", new_context)
    return broken


@pytest.mark.parametrize("code", [1, 2, -2, -3])
async def test_texts_survive_a_failed_decode(rig: RigMaker, code: int) -> None:
    expected = [answer.text for answer in await rig().ask_all(CHATS, SAMPLING)]
    # Without a host cache the engine's thread leaves the pool alone once it is idle, so it can be looked at.
    broken = rig(host_cache_mib=0)
    # One alone whom the library has no cells for is failed, since nobody can make room for it.
    calls = break_decode(broken, code, lambda call: call in {3, 10, 11}, streams=2)
    answers = await asyncio.wait_for(broken.ask_all(CHATS, SAMPLING), 30)
    assert calls == [3, 10, 11]
    assert [answer.text for answer in answers] == expected
    assert broken.model.status().state is ModelState.READY
    assert all(broken.loaded.engine._context.memory.agrees(sequence) for sequence in range(256))


async def test_refused_rows_fail_only_the_stream_they_belong_to(rig: RigMaker) -> None:
    engine = rig()
    good = asyncio.create_task(engine.ask(CHATS[0], SAMPLING, caller="good"))
    bad = asyncio.create_task(engine.ask(CHATS[1], Sampling(max_tokens=900), caller="bad"))
    stepper, roster = engine.loaded.engine._stepper, engine.loaded.engine._roster
    plan = stepper.plan

    def plan_with_a_bad_token() -> list[Rows]:
        for stream in roster.running:
            if stream.ticket.caller == "bad" and stream.produced > 3:
                stream.tokens[-1] = 10_000
        return plan()

    stepper.plan = plan_with_a_bad_token  # type: ignore[method-assign]
    with pytest.raises(ModelFailed):
        await bad
    assert (await good).finished.usage.completion > 0


async def test_logits_that_are_no_numbers_end_one_answer_and_are_not_shared(rig: RigMaker) -> None:
    engine = rig(host_cache_mib=0)
    context = engine.loaded.engine._stepper.context
    logits, calls = context.logits, 0

    def spoilt() -> Logits:
        nonlocal calls
        calls += 1
        rows = logits()
        if calls == 6:
            rows[0] = np.nan
        return rows

    context.logits = spoilt  # type: ignore[method-assign]
    asked = [engine.ask(chat, SAMPLING, caller=f"user{n}") for n, chat in enumerate(CHATS)]
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 30)
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error) for error in failed] == [ModelFailed]
    assert engine.loaded.engine._roster.cache.entries == len(CHATS) - 1
    assert all(context.memory.agrees(sequence) for sequence in range(256))
    answer = await engine.ask(CHATS[0], SAMPLING)
    assert answer.finished.usage.completion > 0


async def test_a_context_that_never_recovers_fails_the_model_and_its_liveness(rig: RigMaker) -> None:
    engine = rig()
    break_decode(engine, -3, lambda call: call > 0)
    with pytest.raises(ModelFailed, match="for good"):
        await asyncio.wait_for(engine.ask(CHATS[0], SAMPLING), 30)
    while engine.model.status().state is not ModelState.FAILED:
        await asyncio.sleep(0.01)
    assert not engine.model.status().alive
    with pytest.raises(Unavailable):
        engine.place()


async def test_a_hanging_step_is_noticed(rig: RigMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = rig()
    assert engine.model.status().alive
    monkeypatch.setattr("chatbot.llm.llama.engine._STALL_SECONDS", 0.2)
    monkeypatch.setattr("chatbot.llm.llama.engine._STALL_STEPS", 0.0)
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> list[Rows]:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return []

    plan = engine.loaded.engine._stepper.plan
    engine.loaded.engine._stepper.plan = hang  # type: ignore[method-assign]
    asked = asyncio.create_task(engine.ask(question("hello"), SAMPLING))
    await asyncio.sleep(0.5)
    assert not engine.model.status().alive, "work and no step"
    engine.loaded.engine._stepper.plan = plan  # type: ignore[method-assign]
    release.set()
    await asked
    await asyncio.sleep(0.3)
    assert engine.model.status().alive, "no work, no steps: that is health"
