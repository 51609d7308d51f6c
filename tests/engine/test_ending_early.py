"""Leaving, running out of time, running out of room: every way an answer ends before its end."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, Meter, Rig, question

from chatbot.domain.config import EngineConfig
from chatbot.domain.errors import (
    DeadlineExceeded,
    Draining,
    Loading,
    Overloaded,
    PromptTooLong,
    StartupError,
    Unavailable,
)
from chatbot.domain.messages import Conversation, Sampling, Token, Waiting
from chatbot.domain.models import ModelState
from chatbot.domain.service_names import ServiceName
from chatbot.llm.llama.engine_model import LlamaModel
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.llama.stepper import Rows
from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.admission import Limits

pytestmark = pytest.mark.anyio

ENDLESS = Sampling(temperature=0.0, repeat_penalty=1.0, max_tokens=100_000)


async def until(condition: Callable[[], object]) -> None:
    """Wait for ``condition()``."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.002)


def watch_steps(rig: Rig, seconds: float = 0.0) -> list[set[str]]:
    """Who ran or waited in each step from now on; each step takes so many seconds longer."""
    engine, seen = rig.loaded.engine, list[set[str]]()
    plan = engine._stepper.plan

    def watched() -> list[Rows]:
        seen.append({stream.ticket.caller for stream in engine._roster.everyone()})
        time.sleep(seconds)
        return plan()

    engine._stepper.plan = watched  # type: ignore[method-assign]
    return seen


async def read_one_token(rig: Rig, caller: str = "somebody") -> object:
    events = rig.place(caller).generate(question("go on"), ENDLESS)
    async for event in events:
        if isinstance(event, Token):
            return events
    raise AssertionError("no token came")


async def test_closing_the_iterator_frees_the_place_within_a_step(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096, parallel=2)
    events = await read_one_token(engine)
    assert engine.model.queue_size(ServiceName("office")) == 0
    steps = watch_steps(engine)
    await events.aclose()  # type: ignore[attr-defined]
    before = len(steps)
    await until(lambda: engine.loaded.scheduler.places() == 0)
    assert len(steps) <= before + 1
    assert not engine.loaded.engine._roster.running
    assert len(engine.loaded.engine._roster._free_ids) == 2


async def test_leaving_while_queued_frees_the_place_and_costs_no_step(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096, parallel=1)
    running = await read_one_token(engine)
    waiting = asyncio.create_task(engine.ask(question("me too"), ENDLESS, caller="other"))
    await until(lambda: engine.model.queue_size(ServiceName("office")) == 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: engine.model.queue_size(ServiceName("office")) == 0)
    assert engine.loaded.scheduler.places() == 1, "it did not wait for the end of the other"
    assert len(engine.meter.starts) == 1
    await running.aclose()  # type: ignore[attr-defined]


def believe_in_fast_steps(engine: Rig) -> None:
    """Without it the answer's limit would be lowered to what can end before the deadline."""
    engine.loaded.speeds.steps.base = engine.loaded.speeds.steps.each = 1e-6


@pytest.mark.parametrize("seconds", [60.0, 0.5])
async def test_whoever_reads_the_end_of_an_answer_has_left_the_engine(rig: RigMaker, seconds: float) -> None:
    engine = rig(context_tokens=4096)
    roster = engine.loaded.engine._roster
    told_before: list[object] = []
    leave = roster.leave

    def watched(stream: Stream) -> None:
        told_before.extend(item for item in stream.outbox._items if not isinstance(item, Token | Waiting))
        leave(stream)

    roster.leave = watched  # type: ignore[method-assign]
    if seconds < 1:
        believe_in_fast_steps(engine)
        with pytest.raises(DeadlineExceeded):
            await engine.ask(question("go on"), ENDLESS, seconds=seconds)
    else:
        assert (await engine.ask(question("go on"))).finished.usage.completion
    assert engine.loaded.scheduler.places() == 0
    assert not roster.running
    assert told_before == []


async def test_a_place_that_is_never_used_is_given_back(rig: RigMaker) -> None:
    engine = rig()
    place = engine.place()
    assert engine.model.queue_size(ServiceName("office")) == 1
    assert engine.model.queue_size(ServiceName("character")) == 0
    place.release()
    place.release()
    assert engine.loaded.scheduler.places() == 0


@pytest.mark.parametrize("stage", ["queue", "prefill", "decode"])
async def test_the_deadline_holds_in_every_stage(rig: RigMaker, stage: str) -> None:
    engine = rig(context_tokens=4096, parallel=1)
    stepper = engine.loaded.engine._stepper
    # Admission believes in short answers, so it lets in what cannot end in time.
    engine.loaded.speeds.lengths("office").saw(1)
    believe_in_fast_steps(engine)
    if stage == "queue":
        blocker = await read_one_token(engine)
    else:
        if stage == "prefill":
            # A slice of nothing makes prefill crawl, as a slow machine would.
            stepper.prefill_seconds = 0.0
        blocker = None
    long = question("x" * 3000 if stage == "prefill" else "x")
    steps = watch_steps(engine, 0.02)
    with pytest.raises(DeadlineExceeded) as caught:
        await engine.ask(long, ENDLESS, caller="late", seconds=0.6)
    assert caught.value.stage == stage
    begun_so_far = caught.value.begun
    assert begun_so_far is not None
    assert (begun_so_far.usage.completion > 0) == (stage == "decode")
    assert sum("late" in callers for callers in steps) <= 0.6 / 0.02 + 1
    if blocker is not None:
        await blocker.aclose()  # type: ignore[attr-defined]
    await until(lambda: engine.loaded.scheduler.places() == 0)


async def test_waiting_is_told_with_position_and_eta(rig: RigMaker) -> None:
    engine = rig(parallel=1)
    answers = await engine.ask_all(
        [question(str(n)) for n in range(4)], Sampling(temperature=0.0, max_tokens=60)
    )
    first = sorted(answer.waits[0].position for answer in answers if answer.waits)
    assert first == [1, 2, 3]
    assert all(isinstance(wait, Waiting) and wait.eta >= 0 for answer in answers for wait in answer.waits)


async def test_a_prompt_that_cannot_fit_is_refused_and_its_place_freed(rig: RigMaker) -> None:
    engine = rig()
    with pytest.raises(PromptTooLong) as caught:
        await engine.ask(question("x" * 2000))
    assert caught.value.needed > caught.value.limit == 512
    assert engine.loaded.scheduler.places() == 0


async def test_the_answer_is_clipped_to_what_the_context_leaves(rig: RigMaker) -> None:
    engine = rig()
    answer = await engine.ask(question("x" * 400), ENDLESS)
    usage = answer.finished.usage
    assert usage.prompt + usage.completion == 1024
    assert answer.finished.reason == "length"


def end_like(rig: Rig, endings: Endings) -> None:
    """Let the format end its answers so."""

    def same_for_all(conversation: Conversation) -> Endings:
        return endings

    rig.loaded.prompter._format.endings = same_for_all  # type: ignore[method-assign]


@pytest.mark.parametrize("model", ["tiny", "base"])
async def test_a_stop_of_white_space_ends_the_answer_at_its_first_and_not_before_it(
    rig: RigMaker, model: str
) -> None:
    engine = rig(model)
    whole = await engine.ask(question("go on"), GREEDY)
    stop = whole.text[5]
    end_like(engine, Endings(("\n\n",), before="\n"))
    for stops in ((stop,), (stop, "\n", " ")):
        cut = await engine.ask(question("go on"), replace(GREEDY, stop=stops))
        assert cut.text == whole.text[: whole.text.index(stop)] != ""
        assert cut.finished.reason == "stop"


async def test_what_may_be_a_label_is_not_shown_at_the_token_limit(rig: RigMaker) -> None:
    engine = rig()
    whole = await engine.ask(question("go on"), GREEDY)
    end_like(engine, Endings((f"\n{whole.text}:", f"{whole.text[9:]}:"), before="\n"))
    assert (await engine.ask(question("go on"), GREEDY)).text == ""
    end_like(engine, Endings((f"{whole.text[9:]}:",), before="\n"))
    assert (await engine.ask(question("go on"), GREEDY)).text == whole.text[:9]


async def test_a_begun_answer_is_gone_on_with_where_a_new_one_would_end_at_once(rig: RigMaker) -> None:
    engine = rig()
    vocabulary, answers = engine.loaded.engine._answers._vocabulary, engine.loaded.engine._answers
    only = vocabulary.content("a")[0]
    vocabulary.end_tokens = frozenset(range(vocabulary.size)) - {only}
    answers._ends = sorted(vocabulary.end_tokens)
    assert (await engine.ask(question("go on"), GREEDY)).text == ""
    assert (await engine.ask(question("go on", begun="I "), GREEDY)).text.startswith("a")


async def test_an_answer_that_cannot_end_in_time_ends_with_its_length(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    engine.loaded.speeds.steps.base, engine.loaded.speeds.steps.each = 0.1, 0.0
    answer = await engine.ask(question("hello"), ENDLESS, seconds=3.0)
    assert answer.finished.reason == "length"
    assert 20 <= answer.finished.usage.completion <= 25


async def test_refusals_at_the_door(rig: RigMaker) -> None:
    engine = rig(parallel=1)
    engine.loaded.admission._limits = Limits(waiting=3, per_caller=2)
    places = [engine.place("a"), engine.place("a")]
    with pytest.raises(Overloaded, match="share") as own:
        engine.place("a")
    places.append(engine.place("b"))
    with pytest.raises(Overloaded, match="queue is full") as full:
        engine.place("c")
    assert own.value.retry_after >= 1
    assert full.value.queue_size == 3
    for place in places[1:]:
        place.release()
    with pytest.raises(Overloaded, match="deadline"):
        engine.place("d", seconds=0.0)
    places[0].release()
    # Nobody is in front of it: it is let in, and the deadline ends it.
    engine.place("d", seconds=0.0).release()


async def test_draining_refuses_the_new_and_finishes_the_admitted(rig: RigMaker) -> None:
    engine = rig()
    asked = asyncio.create_task(engine.ask(question("hello"), GREEDY))
    await until(lambda: engine.loaded.scheduler.places() == 1)
    engine.model.drain()
    assert engine.model.status().state is ModelState.DRAINING
    with pytest.raises(Draining):
        engine.place()
    await asyncio.wait_for(engine.model.wait_idle(), 10)
    assert (await asked).finished.usage.completion == 24


async def test_closing_ends_streams_with_an_error_not_with_silence(rig: RigMaker) -> None:
    engine = rig(context_tokens=4096)
    asked = asyncio.create_task(engine.ask(question("hello"), ENDLESS))
    await until(lambda: engine.meter.steps)
    await asyncio.to_thread(engine.model.close)
    with pytest.raises(Draining):
        await asked


async def test_loading_and_a_missing_file_are_said() -> None:
    config = {
        "model_path": "/nowhere.gguf",
        "name": "m",
        "context_tokens": 1024,
        "pool_tokens": 1024,
        "host_cache_mib": 0,
        "parallel": 1,
    }
    model = LlamaModel(EngineConfig.model_validate(config), Limits(1, 1), Meter())
    assert model.status().state is ModelState.LOADING
    rig = Rig(model, Meter())
    with pytest.raises(Loading):
        rig.place()
    model.start()
    with pytest.raises(StartupError, match="no model file at /nowhere"):
        await model.wait_ready()
    assert model.status().state is ModelState.FAILED
    assert "no model file" in model.status().detail
    with pytest.raises(Unavailable, match="no model file"):
        rig.place()
    model.close()
