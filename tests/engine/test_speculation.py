"""Drafts change how fast an answer comes, and nothing else: exact on random F32 weights, as test_equality."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import llama_cpp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, Answer, Rig, open_rig, question
from tests.engine.test_failed_decodes import break_decode

from chatbot.domain.errors import DeadlineExceeded
from chatbot.domain.messages import Conversation, Sampling, Token
from chatbot.llm.llama.sampler import Sampler
from chatbot.llm.llama.stepper import DecodedCall, Rows
from chatbot.llm.llama.stream import Stream

Guess = Callable[[Stream, int], tuple[list[int], list[float]]]

SAMPLINGS = (
    Sampling(temperature=0.0, repeat_penalty=1.0),
    Sampling(temperature=0.0, repeat_penalty=1.3),
    Sampling(temperature=0.9, top_k=40, top_p=0.95, seed=7),
    Sampling(temperature=0.7, repeat_penalty=1.2, top_k=0, top_p=1.0, seed=3),
)
REPEATING = [question(f"{n}: " + "again and " * 9, system="Be kind. " * 8) for n in range(20)]


class Prophet:
    """Guesses what earlier answers to the same prompts were, wrongly at every ``wrong`` tokens."""

    def __init__(self, wrong: int) -> None:
        self._answers: dict[tuple[int, ...], list[int]] = {}
        self._wrong = wrong

    def learn(self, rig: Rig) -> None:
        """Remember what is written from now on."""
        answers = rig.loaded.engine._answers
        leave = answers.leave

        def remember(stream: Stream, *, complete: bool) -> None:
            known = self._answers.get(stream.prompt.tokens, [])
            self._answers[stream.prompt.tokens] = max(known, list(stream.tokens), key=len)
            leave(stream, complete=complete)

        answers.leave = remember  # type: ignore[method-assign]

    def guess(self, stream: Stream, most: int) -> tuple[list[int], list[float]]:
        """See Drafter."""
        at = len(stream.tokens)
        known = self._answers.get(stream.prompt.tokens, [])[at : at + max(0, most)]
        draft = [token ^ (not (at + ahead) % self._wrong) for ahead, token in enumerate(known)]
        return draft, [0.99 ** (ahead + 1) for ahead in range(len(draft))]


def with_free_rows(rig: Rig, guess: Guess | None = None) -> None:
    """Rows cost nothing, so that whatever is guessed is drafted; each call finds the pool as it should be."""
    speeds, stepper = rig.loaded.speeds, rig.loaded.engine._stepper
    speeds.rows.seconds = lambda _: 1.0  # type: ignore[method-assign, assignment]
    assert stepper._drafter is not None
    if guess is not None:
        stepper._drafter._guess = guess  # type: ignore[method-assign, assignment]
    decode = stepper.decode

    def checked(rows: Rows) -> DecodedCall:
        for stream, _ in rows:
            if stream.sequence is not None:
                assert stepper.context.memory.length(stream.sequence) == stream.done
                assert stepper.context.memory.agrees(stream.sequence)
        call = decode(rows)
        assert call.generating + call.read + call.drafted < 64 or not call.drafts
        return call

    stepper.decode = checked  # type: ignore[method-assign]


def always_the_same(_stream: Stream, most: int) -> tuple[list[int], list[float]]:
    """A guess that is hardly ever right, and thought to be."""
    return [65] * most, [0.9**ahead for ahead in range(1, most + 1)]


@dataclass
class Pair:
    """The same engine with drafts and without."""

    drafting: Rig
    plain: Rig

    def close(self) -> None:
        self.drafting.model.close()
        self.plain.model.close()


@pytest.fixture(scope="module")
def pairs(models: Path) -> Iterator[Callable[[str, int, int], Pair]]:
    """Engines by model, pool and host cache; each is used for several examples, as it is in life."""
    opened: dict[tuple[str, int, int], Pair] = {}

    def get(model: str, pool: int, cache: int) -> Pair:
        def one(*, speculation: bool) -> Rig:
            return open_rig(
                models / f"{model}.gguf",
                threads=1,
                pool_tokens=pool,
                host_cache_mib=cache,
                speculation=speculation,
            )

        key = model, pool, cache
        if key not in opened:
            opened[key] = Pair(one(speculation=True), one(speculation=False))
        return opened[key]

    yield get
    for pair in opened.values():
        pair.close()


async def one_leaves(rig: Rig, conversation: Conversation, sampling: Sampling, after: int) -> None:
    """Ask, and go away after so many tokens."""
    events = rig.place("leaving", 60.0, sampling.max_tokens).generate(conversation, sampling)
    seen = 0
    async for event in events:
        seen += isinstance(event, Token)
        if seen >= after:
            break
    await events.aclose()


@settings(max_examples=10)
@given(
    model=st.sampled_from(["tiny", "window"]),
    # A pool of 1,024 does not hold eight answers: some are preempted.
    pool=st.sampled_from([1024, 8192]),
    cache=st.sampled_from([0, 64]),
    sampling=st.sampled_from(SAMPLINGS),
    length=st.integers(1, 40),
    users=st.sampled_from([1, 3, 8]),
    wrong=st.integers(1, 12),
    stop=st.none() | st.tuples(st.integers(0, 30), st.integers(1, 3)),
    leaves_after=st.none() | st.integers(1, 20),
)
def test_the_text_is_the_same_with_drafts_and_without(
    pairs: Callable[[str, int, int], Pair],
    model: str,
    pool: int,
    cache: int,
    sampling: Sampling,
    length: int,
    users: int,
    wrong: int,
    stop: tuple[int, int] | None,
    leaves_after: int | None,
) -> None:
    pair = pairs(model, pool, cache)
    prophet = Prophet(wrong)
    prophet.learn(pair.plain)
    with_free_rows(pair.drafting, prophet.guess)
    sampling = replace(sampling, max_tokens=length)

    async def asked(rig: Rig, sampling: Sampling) -> list[Answer]:
        work = rig.ask_all(REPEATING[:users], sampling)
        if leaves_after is None:
            return await work
        leaving = one_leaves(rig, question("I must go"), sampling, leaves_after)
        return (await asyncio.gather(work, leaving))[0]

    expected = asyncio.run(asked(pair.plain, sampling))
    if stop is not None:
        at, size = stop
        text = expected[0].text[at : at + size]
        sampling = replace(sampling, stop=(text,) if text else ())
        expected = asyncio.run(asked(pair.plain, sampling))
    found = asyncio.run(asked(pair.drafting, sampling))
    assert [answer.text for answer in found] == [answer.text for answer in expected]
    ends = [(answer.finished.reason, answer.finished.usage.completion) for answer in expected]
    assert [(answer.finished.reason, answer.finished.usage.completion) for answer in found] == ends


@pytest.mark.anyio
async def test_rooms_go_on_where_drafts_were_rejected(rig: RigMaker) -> None:
    drafting, plain = (
        rig("window", context_tokens=2048),
        rig("window", context_tokens=2048, speculation=False),
    )
    prophet = Prophet(3)
    prophet.learn(plain)
    with_free_rows(drafting, prophet.guess)
    asked = question("go on", system="Be kind. " * 8)
    for _ in range(5):
        expected, found = await plain.ask(asked), await drafting.ask(asked)
        assert found.text == expected.text
        asked = replace(asked, question=asked.question + expected.text)
    assert drafting.meter.accepted > 20
    assert drafting.meter.drafts > drafting.meter.accepted
    assert found.finished.usage.cached == expected.finished.usage.cached > 100


@pytest.mark.anyio
async def test_an_answer_that_quotes_its_prompt_takes_few_steps(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafting = rig()
    with_free_rows(drafting)
    text = "Whoever quotes needs few steps, since what follows stands in the prompt. " * 2
    quoted = list(text.encode())  # the tiny model's words are bytes
    answer = iter(quoted)
    monkeypatch.setattr(Sampler, "sample", lambda _sampler, _row: next(answer))
    found = await drafting.ask(question(text), replace(GREEDY, max_tokens=len(quoted)))
    assert found.text == text
    assert drafting.meter.accepted == len(quoted) - 1 - len(drafting.meter.steps) > 120
    assert drafting.meter.drafts == drafting.meter.accepted


@pytest.mark.anyio
@pytest.mark.parametrize("code", [1, 2, -3])
async def test_texts_survive_a_decode_that_fails_with_drafts(rig: RigMaker, code: int) -> None:
    drafting, plain = rig(host_cache_mib=0), rig(speculation=False)
    prophet = Prophet(5)
    prophet.learn(plain)
    sampling = Sampling(temperature=0.8, seed=5, max_tokens=60)
    expected = [answer.text for answer in await plain.ask_all(REPEATING[:3], sampling)]
    with_free_rows(drafting, prophet.guess)
    broken = break_decode(drafting, code, lambda call: call in {4, 7}, streams=3)
    answers = await drafting.ask_all(REPEATING[:3], sampling)
    assert broken == [4, 7]
    assert [answer.text for answer in answers] == expected
    assert drafting.meter.accepted > 30
    assert drafting.meter.preemptions == 0, "drafts are given up before anybody is preempted"


@pytest.mark.anyio
async def test_a_model_that_cannot_cut_computes_anew_and_drafts_no_more(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafting, plain = rig(host_cache_mib=0), rig(speculation=False)
    prophet = Prophet(4)
    prophet.learn(plain)
    expected = await plain.ask(REPEATING[0])
    with_free_rows(drafting, prophet.guess)
    remove = llama_cpp.llama_memory_seq_rm

    def only_whole(memory: object, sequence: int, start: int, stop: int) -> bool:
        return bool(start <= 0 and remove(memory, sequence, start, stop))

    monkeypatch.setattr(llama_cpp, "llama_memory_seq_rm", only_whole)
    assert (await drafting.ask(REPEATING[0])).text == expected.text
    drafted = drafting.meter.drafts
    assert drafted > 0
    assert (await drafting.ask(REPEATING[0])).text == expected.text
    assert drafting.meter.drafts == drafted


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


@pytest.mark.anyio
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


@pytest.mark.anyio
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


@pytest.mark.anyio
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


@pytest.mark.anyio
async def test_a_deadline_passes_in_the_midst_of_drafts(rig: RigMaker) -> None:
    drafting = rig(context_tokens=4096, host_cache_mib=0)
    with_free_rows(drafting, always_the_same)
    drafting.loaded.speeds.steps.base = drafting.loaded.speeds.steps.each = 1e-6
    with pytest.raises(DeadlineExceeded):
        await drafting.ask(question("go on"), replace(GREEDY, max_tokens=100_000), seconds=0.4)
    assert drafting.meter.drafts > 0
    assert not drafting.loaded.engine._roster.running


@pytest.mark.anyio
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
