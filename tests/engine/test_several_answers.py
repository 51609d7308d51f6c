"""Several answers to one question: one prompt, own seeds, and all end when the client leaves."""

import asyncio
from dataclasses import replace

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import question

from chatbot.domain.errors import TooManyAnswers, UnknownToken
from chatbot.domain.messages import Sampling, Token
from chatbot.llm.llama.roster import _WORTH_WAITING

pytestmark = pytest.mark.anyio

LIVELY = Sampling(seed=5, temperature=1.5, max_tokens=20)
ASKED = question("Hello", "Answer as it pleases you, and not too briefly. " * 5)


@pytest.mark.parametrize("model", ["tiny", "window"])
async def test_they_are_what_their_seeds_give_and_their_prompt_is_computed_once(
    rig: RigMaker, model: str
) -> None:
    one = rig(model)
    together = await one.ask_for(4, ASKED, LIVELY)
    computed = [answer.finished.usage.prompt - answer.finished.usage.cached for answer in together]
    # Nobody waits for a neighbour who still has fewer to compute than _WORTH_WAITING.
    assert max(sorted(computed)[:3]) <= _WORTH_WAITING, "all but the first share its cells"
    assert max(one.meter.steps) == 4, "they run in one batch"
    alone = [await one.ask(ASKED, replace(LIVELY, seed=seed)) for seed in (5, 6, 7, 8)]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert len({answer.text for answer in together}) == 4


async def test_they_differ_without_a_seed_too_and_outlast_a_pool_that_is_too_small(rig: RigMaker) -> None:
    one = rig(pool_tokens=1024)
    sampling = replace(LIVELY, seed=None, max_tokens=300)
    answers = await one.ask_for(4, ASKED, sampling)
    assert len({answer.text for answer in answers}) == 4
    assert all(answer.finished.usage.completion for answer in answers)


async def test_who_leaves_frees_all_places(rig: RigMaker) -> None:
    one = rig()
    place = one.place(answers=3)
    assert one.loaded.scheduler.places() == 3
    generation = place.generate(ASKED, replace(LIVELY, max_tokens=500))
    seen: set[int] = set()
    async for event in generation:
        if isinstance(event, Token):
            seen.add(event.answer)
        if len(seen) == 3:
            break
    await generation.aclose()
    async with asyncio.timeout(5):
        while one.loaded.scheduler.places():
            await asyncio.sleep(0.01)


async def test_places_that_are_not_used_are_given_back(rig: RigMaker) -> None:
    one = rig()
    one.place(answers=4).release()
    assert one.loaded.scheduler.places() == 0
    with pytest.raises(UnknownToken):
        await one.ask_for(4, ASKED, Sampling(logit_bias=((10**6, 1.0),)))
    assert one.loaded.scheduler.places() == 0
    with pytest.raises(TooManyAnswers):
        one.place(answers=65)
    assert one.loaded.scheduler.places() == 0
