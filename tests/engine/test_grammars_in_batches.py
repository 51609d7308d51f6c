"""Forms with drafts, in batches, after preemption and failed calls: the text is that of a plain answer."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.conftest import RigMaker
from tests.engine.drafting import REPEATING, Prophet, with_free_rows
from tests.engine.person import LONG, SCHEMA, assert_person
from tests.engine.rig import Rig, open_rig, question
from tests.engine.test_failed_decodes import break_decode

from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import FinishReason, PromptPart, Sampling
from chatbot.llm.llama.stream import Stream


def let_rest(rig: Rig, chance: float) -> None:
    """Let each stream rest in some steps, but never all of them."""
    dice = random.Random(7)

    def affordable(running: list[Stream]) -> list[Stream]:
        awake = [stream for stream in running if dice.random() >= chance]
        return awake or running

    rig.loaded.engine._stepper._affordable = affordable  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def pair(models: Path) -> Iterator[Callable[[str, int], tuple[Rig, Rig]]]:
    """Engines by model and pool, one with drafts and one without."""
    opened: dict[tuple[str, int], tuple[Rig, Rig]] = {}

    def get(model: str, pool: int) -> tuple[Rig, Rig]:
        if (model, pool) not in opened:
            one, other = (
                open_rig(models / f"{model}.gguf", threads=1, pool_tokens=pool, speculation=speculation)
                for speculation in (True, False)
            )
            opened[model, pool] = one, other
        return opened[model, pool]

    yield get
    for one, other in opened.values():
        one.model.close()
        other.model.close()


FORMS = (None, SCHEMA, Form(FormKind.JSON_OBJECT), Form(FormKind.REGEX, "([a-f]{4} )*(가|나)+\\."))


FOUND = (PromptPart("search", "found:"), PromptPart("search[1]", "> [1] a"), PromptPart("search", "end"))


@settings(max_examples=6)
@given(
    model=st.sampled_from(["tiny", "window"]),
    # A pool of 1,024 does not hold twenty answers: some are preempted.
    pool=st.sampled_from([1024, 8192]),
    form=st.sampled_from(FORMS),
    # Korean letters, and citations of what was found.
    rules=st.booleans(),
    temperature=st.sampled_from([0.0, 0.8]),
    penalty=st.sampled_from([1.0, 1.3]),
    length=st.integers(1, 50),
    users=st.sampled_from([1, 3, 20]),
    wrong=st.integers(2, 12),
    resting=st.sampled_from([0.0, 0.3, 0.8]),
)
def test_the_text_is_the_same_with_drafts_in_a_batch_and_after_preemption(
    pair: Callable[[str, int], tuple[Rig, Rig]],
    model: str,
    pool: int,
    form: Form | None,
    rules: bool,
    temperature: float,
    penalty: float,
    length: int,
    users: int,
    wrong: int,
    resting: float,
) -> None:
    drafting, plain = pair(model, pool)
    prophet = Prophet(wrong)
    prophet.learn(plain)
    with_free_rows(drafting, prophet.guess)
    let_rest(drafting, resting)
    sampling = Sampling(form=form, temperature=temperature, repeat_penalty=penalty, seed=5, max_tokens=length)
    asked = REPEATING[:users]
    if rules:
        sampling = replace(sampling, korean_letters=True)
        asked = [replace(one, language="ko", references=FOUND) for one in asked]

    async def one_by_one() -> list[tuple[str, FinishReason]]:
        answers = [await plain.ask(one, sampling) for one in asked]
        return [(answer.text, answer.finished.reason) for answer in answers]

    async def together(rig: Rig) -> list[tuple[str, FinishReason]]:
        return [(found.text, found.finished.reason) for found in await rig.ask_all(asked, sampling)]

    expected = asyncio.run(one_by_one())
    assert asyncio.run(together(plain)) == expected
    assert asyncio.run(together(drafting)) == expected
    # What is cached by now.
    assert asyncio.run(together(drafting)) == expected


@pytest.mark.anyio
@pytest.mark.parametrize("code", [1, 2, -3])
async def test_a_form_survives_calls_that_fail(rig: RigMaker, code: int) -> None:
    failing, plain = rig(host_cache_mib=0), rig(speculation=False)
    sampling = Sampling(form=SCHEMA, temperature=0.8, seed=5, max_tokens=60)
    expected = [answer.text for answer in await plain.ask_all(REPEATING[:3], sampling)]
    with_free_rows(failing)
    break_decode(failing, code, lambda call: call in {4, 7}, streams=3)
    assert [answer.text for answer in await failing.ask_all(REPEATING[:3], sampling)] == expected


@pytest.mark.anyio
async def test_a_draft_ends_before_what_its_form_forbids(rig: RigMaker) -> None:
    one = rig()
    with_free_rows(one)
    quoted = question('{"name": "x", "age": 1} {"name": "x", "age": 1} {"name": "x", "age": 1}')
    seen: list[bool] = []
    drafter = one.loaded.engine._stepper._drafter
    assert drafter is not None
    guess = drafter._guess

    def watched(stream: object, most: int) -> tuple[list[int], list[float]]:
        tokens, chances = guess(stream, most)  # type: ignore[arg-type]
        seen.append(bool(tokens))
        assert stream.sampler.possible(tokens) == len(tokens) == len(chances)  # type: ignore[attr-defined]
        return tokens, chances

    drafter._guess = watched  # type: ignore[method-assign]
    assert_person((await one.ask(quoted, replace(LONG, form=SCHEMA))).text)
    assert any(seen)
