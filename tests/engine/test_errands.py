"""Errands: what the engine writes while nobody asks, and how it gives way."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, Answer, Rig, question

from chatbot.domain.errors import Draining, GaveWay, ModelFailed
from chatbot.domain.messages import (
    Conversation,
    Exchange,
    Finished,
    GenerationEvent,
    Prompted,
    Sampling,
    Token,
)
from chatbot.llm.llama.context import Context, DecodeError

pytestmark = pytest.mark.anyio

ENDLESS = Sampling(temperature=0.0, max_tokens=100_000)
LONG = question("x" * 3000)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def collected(events: AsyncGenerator[GenerationEvent, None], answer: Answer) -> Answer:
    async for event in events:
        match event:
            case Token(text):
                answer.text += text
            case Prompted(report):
                answer.report = report
            case Finished():
                answer.end = event
    return answer


def begin(
    rig: Rig, conversation: Conversation, sampling: Sampling = GREEDY
) -> tuple[Answer, asyncio.Task[Answer]]:
    """An errand on its way, and what it has written so far."""
    answer = Answer()
    events = rig.model.errand(conversation, sampling)
    return answer, asyncio.create_task(collected(events, answer))


def watch(rig: Rig) -> list[float]:
    """When each of the errands' calls began, from now on."""
    errands = rig.loaded.engine._errands
    step, begun = errands.step, []

    def watched(context: Context) -> str:
        begun.append(time.monotonic())
        return step(context)

    errands.step = watched  # type: ignore[method-assign]
    return begun


def under_way(rig: Rig) -> bool:
    return rig.loaded.engine._errands.under_way


async def test_an_errand_writes_what_an_answer_would_be(rig: RigMaker) -> None:
    engine = rig()
    asked = question("hello", exchanges=(Exchange(1, "who?", "me"),))
    alone = await rig().ask(asked)
    _, task = begin(engine, asked)
    written = await task
    assert written.text == alone.text
    assert written.finished.usage == alone.finished.usage
    assert written.report == alone.report


async def test_an_errand_has_no_place_and_counts_nowhere(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    loaded = engine.loaded
    speeds = loaded.speeds
    before = (speeds.steps.base, speeds.steps.each, speeds.prefill.seconds, speeds.fresh_share.value)
    answer, task = begin(engine, LONG, Sampling(temperature=0.0, max_tokens=300))
    await until(lambda: answer.text)
    assert loaded.scheduler.places() == 0
    await asyncio.wait_for(engine.model.wait_idle(), 10)
    assert under_way(engine), "whoever waits for an idle model does not wait for it"
    await task
    assert (speeds.steps.base, speeds.steps.each, speeds.prefill.seconds, speeds.fresh_share.value) == before
    assert not engine.meter.steps
    assert not engine.meter.starts
    assert engine.model.status().tokens_per_second == 0


async def test_it_begins_behind_what_is_known_of_its_room(rig: RigMaker) -> None:
    engine = rig()
    first = question("tell me all that you know of the sea")
    told = await engine.ask(first)
    behind = question("and now?", exchanges=(Exchange(1, first.question, told.text),))
    _, task = begin(engine, behind)
    assert (await task).finished.usage.cached > told.finished.usage.prompt - 10
    again = await engine.ask(question("more", exchanges=behind.exchanges))
    assert again.finished.usage.cached > told.finished.usage.prompt - 10, "the room is still known"


async def test_it_gives_way_while_it_writes_within_a_step(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    answer, task = begin(engine, question("hello"), ENDLESS)
    await until(lambda: answer.text)
    calls = watch(engine)
    place = engine.place()
    asked = time.monotonic()
    with pytest.raises(GaveWay):
        await task
    assert sum(at > asked for at in calls) <= 1
    assert not under_way(engine)
    place.release()


async def test_it_gives_way_while_its_prompt_is_read(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    calls = watch(engine)
    answer, task = begin(engine, LONG)
    await until(lambda: len(calls) > 2)
    place = engine.place()
    asked = time.monotonic()
    with pytest.raises(GaveWay):
        await task
    assert sum(at > asked for at in calls) <= 1
    assert not answer.text, "it was reading still"
    place.release()


async def test_whoever_comes_is_answered_as_if_there_had_been_none(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    alone = await rig(context_tokens=4096).ask(question("hello"))
    answer, task = begin(engine, LONG, ENDLESS)
    await until(lambda: answer.text)
    assert (await engine.ask(question("hello"))).text == alone.text
    with pytest.raises(GaveWay):
        await task


async def test_it_begins_when_nobody_has_a_place(rig: RigMaker) -> None:
    engine = rig()
    place = engine.place()
    quiet = asyncio.create_task(engine.model.quiet(0.3))
    with pytest.raises(GaveWay):
        await begin(engine, question("hello"))[1]
    assert not quiet.done()
    place.release()
    await quiet
    assert (await begin(engine, question("hello"))[1]).text


async def test_there_is_one_at_a_time(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    answer, task = begin(engine, question("hello"), ENDLESS)
    await until(lambda: answer.text)
    with pytest.raises(GaveWay):
        await begin(engine, question("who?"))[1]
    assert not task.done()
    engine.model.drain()
    with pytest.raises(GaveWay):
        await task


async def test_no_room_leaves_the_pool_for_it(rig: RigMaker) -> None:
    engine = rig(pool_tokens=1024, context_tokens=1024, host_cache_mib=0)
    for number in range(5):
        await engine.ask(question(f"{number}" * 120), caller=f"user{number}")
    loaded = engine.loaded.engine
    parked, used = loaded._roster.cache.entries, loaded.kv_used
    with pytest.raises(GaveWay):
        await begin(engine, question("hello"), ENDLESS)[1]
    assert (loaded._roster.cache.entries, loaded.kv_used) == (parked, used)
    # What shares a parked room's cells fits where the whole of it would not.
    again = Sampling(temperature=0.0, max_tokens=8)
    written = await begin(engine, question("4" * 120), again)[1]
    assert written.finished.usage.cached > 120
    assert (loaded._roster.cache.entries, loaded.kv_used) == (parked, used)


async def test_draining_and_closing_end_it(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    answer, task = begin(engine, question("hello"), ENDLESS)
    await until(lambda: answer.text)
    engine.model.drain()
    with pytest.raises(GaveWay):
        await task
    with pytest.raises(Draining):
        await begin(engine, question("hello"))[1]
    other = rig(context_tokens=4096)
    answer, task = begin(other, question("hello"), ENDLESS)
    await until(lambda: answer.text)
    await asyncio.to_thread(other.model.close)
    with pytest.raises(Draining):
        await task


async def test_whoever_reads_it_no_longer_ends_it(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    answer, task = begin(engine, question("hello"), ENDLESS)
    await until(lambda: answer.text)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: not under_way(engine))
    assert (await begin(engine, question("hello"))[1]).text


@pytest.mark.parametrize(
    ("failure", "told"),
    [(DecodeError(-3), ModelFailed), (DecodeError(-1), ModelFailed), (DecodeError(1), GaveWay)],
)
async def test_a_call_that_fails_costs_the_errand_and_nobody_else(
    rig: RigMaker, failure: DecodeError, told: type[Exception]
) -> None:
    engine = rig(context_tokens=4096)
    answer, task = begin(engine, question("hello"), ENDLESS)
    await until(lambda: answer.text)
    context = engine.loaded.engine._context
    decode = context.decode

    def failing() -> None:
        context.decode = decode  # type: ignore[method-assign]
        raise failure

    context.decode = failing  # type: ignore[method-assign]
    with pytest.raises(told):
        await task
    assert (await engine.ask(question("hello"))).text
