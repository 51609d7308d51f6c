"""What holds every answer, on the delivered text: letters of Korean text only, and citations that exist.

The samplers here want above all what is forbidden, and meet whatever else there is in an engine.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import Answer, Rig, open_rig, question
from tests.engine.test_citing import cited_outside_code

from chatbot.domain.forms import Form, FormKind
from chatbot.domain.letters import OWN
from chatbot.domain.messages import Conversation, FinishReason, PromptPart, Sampling
from chatbot.domain.scripts import scripts_of

pytestmark = pytest.mark.anyio

SLIPPING = Sampling(
    seed=3,
    temperature=2,
    top_k=0,
    top_p=1,
    repeat_penalty=1,
    max_tokens=150,
    korean_letters=True,
    # The tiny model's tokens are bytes: those that no ASCII text has.
    logit_bias=tuple((byte, 100.0) for byte in range(0x80, 0x100)),
)
KOREAN = question("안녕하세요?", language="ko")

LIKED = {"[": 20, "]": 20, "3": 20, "9": 10, "`": 5, "\n": 5, "0": 0, "~": 0, " ": 0, "a": 0}
CITING = Sampling(
    seed=3,
    temperature=8,
    top_k=0,
    top_p=1,
    repeat_penalty=1,
    max_tokens=250,
    logit_bias=tuple((ord(sign), 100.0 + extra) for sign, extra in LIKED.items()),
)


@pytest.fixture(scope="module")
def one(models: Path) -> Iterator[Rig]:
    """The engine that all of them ask, as people do."""
    opened = open_rig(models / "tiny.gguf", threads=1)
    yield opened
    opened.model.close()


def searched(hits: int) -> Conversation:
    """A question with so many search results."""
    quoted = (PromptPart(f"search[{number}]", f"> [{number}] 결과") for number in range(1, hits + 1))
    frame = PromptPart("search", "인용")
    return question("무엇인가요?", references=(frame, *quoted, frame) if hits else (frame,))


def slips(answer: Answer) -> frozenset[str] | set[str]:
    """Scripts of the answer that are none of Korean text; malformed text counts as one."""
    return (scripts_of(answer.text) - OWN) | ({"malformed"} if "\ufffd" in answer.text else set())


def cited(answer: Answer) -> list[int]:
    """What the answer cites."""
    return cited_outside_code(answer.text)


async def test_without_the_rule_the_model_slips(one: Rig) -> None:
    assert "malformed" in slips(await one.ask(KOREAN, replace(SLIPPING, korean_letters=False)))
    assert "malformed" in slips(await one.ask(replace(KOREAN, language="en"), SLIPPING))


@pytest.mark.parametrize(
    "sampling",
    [
        SLIPPING,
        replace(SLIPPING, temperature=0),
        replace(SLIPPING, top_k=40, top_p=0.95, repeat_penalty=1.1),
        replace(SLIPPING, top_k=0, min_p=0.05, dry_multiplier=0.8),
        replace(SLIPPING, top_n_sigma=1, presence_penalty=-1),
    ],
    ids=["all tokens", "greedy", "defaults", "min-p and DRY", "raised"],
)
async def test_a_korean_answer_never_slips(one: Rig, sampling: Sampling) -> None:
    for answer in await one.ask_for(3, KOREAN, sampling):
        assert len(answer.text) > 20
        assert not slips(answer)
        assert answer.finished.usage.completion > 40


async def test_nor_in_a_crowd_in_a_small_pool_with_drafts(rig: RigMaker) -> None:
    small = rig(pool_tokens=1024)
    answers = await small.ask_all([KOREAN, question("네?", language="ko")] * 5, SLIPPING)
    assert small.meter.preemptions
    assert not frozenset().union(*map(slips, answers))


async def test_nor_does_one_that_goes_on(one: Rig) -> None:
    answer = await one.ask(replace(KOREAN, begun="내일은 日"), SLIPPING)
    assert answer.text
    assert not slips(answer)


async def test_what_somebody_brings_may_come(one: Rig) -> None:
    brings = replace(KOREAN, question="日")
    answers = await one.ask_for(3, brings, replace(SLIPPING, max_tokens=300))
    assert frozenset().union(*map(slips, answers)) == {"Han"}


@pytest.mark.parametrize("hits", [0, 3, 11])
async def test_citations_exist(one: Rig, hits: int) -> None:
    answers = await one.ask_for(4, searched(hits), CITING)
    numbers = {number for answer in answers for number in cited(answer)}
    assert numbers <= set(range(1, hits + 1))
    assert bool(numbers) == bool(hits)


async def test_without_a_search_brackets_are_brackets(one: Rig) -> None:
    answer = await one.ask(question("무엇인가요?"), replace(CITING, max_tokens=500))
    assert any(number > 3 for number in cited(answer))


async def test_only_results_that_entered_the_prompt_are_cited(one: Rig) -> None:
    """Of four results only some fit."""
    long = searched(4)
    wordy = tuple(replace(part, text=part.text + " 말" * 20) for part in long.references)
    prompt = one.model.render(replace(long, references=wordy))
    assert prompt.hits is not None
    assert 0 < prompt.hits < 4
    assert [name for name in prompt.report.tokens if re.fullmatch(r"search\[\d\]", name)] == [
        f"search[{number}]" for number in range(1, prompt.hits + 1)
    ]
    answers = await one.ask_for(4, replace(long, references=wordy), CITING)
    assert all(1 <= number <= prompt.hits for answer in answers for number in cited(answer))


async def test_a_citation_that_has_begun_goes_on_to_one_that_exists(one: Rig) -> None:
    for begun in ("보세요 [", "보세요 [1", "`["):
        answers = await one.ask_for(4, replace(searched(2), begun=begun), CITING)
        assert {number for answer in answers for number in cited_outside_code(begun + answer.text)} <= {1, 2}


async def test_an_answer_with_an_open_backtick_may_end(one: Rig) -> None:
    """Nothing but an end is wanted, and it comes."""
    ends = one.loaded.engine._setup.vocabulary.end_tokens
    ending = replace(CITING, logit_bias=tuple((token, 100.0) for token in ends))
    answer = await one.ask(replace(searched(2), begun="`[9]"), ending)
    assert answer.finished.reason is FinishReason.STOP


async def test_both_hold_together(one: Rig) -> None:
    both = replace(CITING, korean_letters=True, logit_bias=CITING.logit_bias + SLIPPING.logit_bias[:64])
    for answer in await one.ask_for(4, replace(searched(2), language="ko"), both):
        assert not slips(answer)
        assert set(cited(answer)) <= {1, 2}


@pytest.mark.parametrize(
    ("kind", "text", "pattern"),
    [
        (FormKind.JSON_SCHEMA, json.dumps({"enum": ["日本", "русский"]}), '"(日本|русский)"'),
        (FormKind.REGEX, "(日本|русский){3}", "(日本|русский){3}"),
        # Nothing says its letters, so the form decides alone.
        (FormKind.REGEX, r"가\p{Cyrillic}{5}[ab]", "가[\u0400-\U0001ffff]{5}[ab]"),
    ],
)
async def test_what_a_form_asks_for_may_come(one: Rig, kind: FormKind, text: str, pattern: str) -> None:
    for answer in await one.ask_for(2, KOREAN, replace(SLIPPING, form=Form(kind, text))):
        assert re.fullmatch(pattern, answer.text)


async def test_but_the_rest_of_it_is_in_the_letters_of_korean_text(one: Rig) -> None:
    schema = {
        "type": "object",
        "properties": {"이름": {"type": "string", "minLength": 30}},
        "required": ["이름"],
    }
    form = Form(FormKind.JSON_SCHEMA, json.dumps(schema, ensure_ascii=False))
    for answer in await one.ask_for(3, KOREAN, replace(SLIPPING, form=form, max_tokens=400)):
        assert answer.text.startswith('{"이름": "')
        assert len(answer.text) > 60
        assert not slips(answer)


async def test_a_list_cites_nothing(one: Rig) -> None:
    form = Form(FormKind.REGEX, r"\[99\]")
    assert (await one.ask(searched(3), replace(CITING, form=form))).text == "[99]"
