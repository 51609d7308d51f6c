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
from tests.engine.drafting import REPEATING, Prophet, with_free_rows
from tests.engine.rig import GREEDY, Answer, Rig, open_rig, question
from tests.engine.test_failed_decodes import break_decode

from chatbot.domain.messages import Conversation, Sampling, Token
from chatbot.llm.llama.sampler import Sampler

SAMPLINGS = (
    Sampling(temperature=0.0, repeat_penalty=1.0),
    Sampling(temperature=0.0, repeat_penalty=1.3),
    Sampling(temperature=0.9, top_k=40, top_p=0.95, seed=7),
    Sampling(temperature=0.7, repeat_penalty=1.2, top_k=0, top_p=1.0, seed=3),
)


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
