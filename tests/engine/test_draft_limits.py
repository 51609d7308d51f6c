"""When nobody may be worse off for drafts: no room, somebody who reads, all sequences taken, a deadline."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.drafting import with_free_rows
from tests.engine.rig import GREEDY, Rig, question

from chatbot.domain.errors import DeadlineExceeded
from chatbot.llm.llama.stepper import DecodedCall, Rows
from chatbot.llm.llama.stream import Stream

pytestmark = pytest.mark.anyio


def always_the_same(_stream: Stream, most: int) -> tuple[list[int], list[float]]:
    """A guess that is hardly ever right, and thought to be."""
    return [65] * most, [0.9**ahead for ahead in range(1, most + 1)]


@dataclass
class Seen:
    """One call, and what it found."""

    running: int
    reading: int
    free: int
    parked: int
    drafted: int


def watch(rig: Rig) -> list[Seen]:
    """The calls from now on."""
    stepper, roster = rig.loaded.engine._stepper, rig.loaded.engine._roster
    decode, seen = stepper.decode, list[Seen]()

    def watched(rows: Rows) -> DecodedCall:
        reading = sum(1 for stream in roster.running if not stream.generating)
        found = Seen(len(roster.running), reading, stepper.context.memory.free, roster.cache.entries, 0)
        call = decode(rows)
        found.drafted = call.drafted
        seen.append(found)
        return call

    stepper.decode = watched  # type: ignore[method-assign]
    return seen


async def test_drafts_take_free_cells_only_and_evict_and_preempt_nobody(rig: RigMaker) -> None:
    drafting = rig(pool_tokens=1024, context_tokens=1024, host_cache_mib=0)
    await drafting.ask(question("x" * 400), replace(GREEDY, max_tokens=420))
    with_free_rows(drafting, always_the_same)
    seen = watch(drafting)
    await drafting.ask(question("y"), replace(GREEDY, max_tokens=100))
    scarce = [call for call in seen if call.drafted and call.free < 60]
    assert any(call.drafted == call.free - 1 for call in scarce)
    assert all(call.drafted < call.free and call.parked == 1 for call in scarce)
    assert drafting.meter.preemptions == 0


async def test_no_drafts_while_somebody_reads_a_prompt(rig: RigMaker) -> None:
    drafting = rig(context_tokens=4096, pool_tokens=8192)
    with_free_rows(drafting, always_the_same)
    seen = watch(drafting)
    streaming = asyncio.create_task(drafting.ask(question("a"), replace(GREEDY, max_tokens=3900)))
    while not drafting.meter.drafts:
        await asyncio.sleep(0.001)
    await drafting.ask(question("x" * 2000), GREEDY, caller="b")
    streaming.cancel()
    await asyncio.gather(streaming, return_exceptions=True)
    beside = [call for call in seen if call.running == 2]
    assert any(call.reading for call in beside)
    assert not any(call.drafted for call in beside if call.reading)
    assert any(call.drafted for call in beside if not call.reading)


async def test_no_drafts_while_all_sequences_are_taken(rig: RigMaker) -> None:
    drafting = rig(parallel=2)
    with_free_rows(drafting, always_the_same)
    seen = watch(drafting)
    asked = (drafting.ask(question(text), replace(GREEDY, max_tokens=40), caller=text) for text in "ab")
    await asyncio.gather(*asked)
    await drafting.ask(question("c"), GREEDY)
    full = [call for call in seen if call.running == 2 and not call.reading]
    assert len(full) > 20
    assert not any(call.drafted for call in full)
    assert any(call.drafted for call in seen if call.running == 1)


async def test_a_deadline_passes_in_the_midst_of_drafts(rig: RigMaker) -> None:
    drafting = rig(context_tokens=4096, host_cache_mib=0)
    with_free_rows(drafting, always_the_same)
    drafting.loaded.speeds.steps.base = drafting.loaded.speeds.steps.each = 1e-6
    with pytest.raises(DeadlineExceeded):
        await drafting.ask(question("go on"), replace(GREEDY, max_tokens=100_000), seconds=0.4)
    assert drafting.meter.drafts > 0
    assert not drafting.loaded.engine._roster.running


async def test_waits_are_foretold_by_steps_without_drafts(rig: RigMaker) -> None:
    drafting = rig()
    with_free_rows(drafting)
    seen, learned = watch(drafting), list[int]()

    def saw(sequences: int, seconds: float) -> None:
        assert seconds > 0
        learned.append(sequences)

    drafting.loaded.speeds.steps.saw = saw  # type: ignore[method-assign]
    await drafting.ask(question("go on"), replace(GREEDY, max_tokens=300))
    assert any(call.drafted for call in seen)
    assert len(learned) == sum(1 for call in seen if not call.reading and not call.drafted) > 0
