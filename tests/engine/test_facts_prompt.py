"""Pinned facts in a prompt: where they stand, what gives way before they do, and what they cost a turn."""

from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.core.pinned import facts_part
from chatbot.domain.messages import Conversation, Exchange, PromptPart
from chatbot.llm.llama.llama3_format import Llama3Format
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import PromptFormat
from chatbot.llm.llama.prompt import Prompter, RenderedPrompt
from chatbot.llm.llama.transcript_format import TranscriptFormat
from chatbot.llm.llama.vocabulary import Vocabulary
from chatbot.llm.openai.prompt import build_prompt

FACTS = facts_part(["민준은 배를 싫어한다.", "여행은 5월이다."], "ko")
SCENE = (PromptPart("scene", "begin"), PromptPart("note", "note"), PromptPart("scene", "end"))


@pytest.fixture(scope="module")
def tiny(models: Path) -> ModelFile:
    return ModelFile(models / "tiny.gguf")


def room(turns: int, facts: PromptPart | None = FACTS) -> Conversation:
    """A room of so many turns, with the next question."""
    return Conversation(
        system=(PromptPart("rules", "규칙"),),
        exchanges=tuple(Exchange(n, f"질문 {n}?", f"답 {n}.") for n in range(1, turns + 1)),
        question=f"질문 {turns + 1}?",
        facts=facts,
    )


def rendered(
    tiny: ModelFile, conversation: Conversation, form: PromptFormat | None = None, limit: int = 4000
) -> RenderedPrompt:
    prompter = Prompter(form or Llama3Format(), Vocabulary(tiny), context=limit + 500, limit=limit)
    return prompter.render(conversation)


def names(prompt: RenderedPrompt) -> list[str]:
    """The parts in their order, each once."""
    return list(dict.fromkeys(segment.name for segment in prompt.segments if segment.name != "template"))


@pytest.mark.parametrize("form", [Llama3Format(), TranscriptFormat()])
def test_they_stand_between_the_scene_and_the_question_and_the_report_counts_them(
    tiny: ModelFile, form: PromptFormat
) -> None:
    assert FACTS is not None
    prompt = rendered(tiny, replace(room(2), scene=SCENE), form)
    assert names(prompt)[-4:] == ["scene", "note", "facts", "question"]
    assert prompt.report.tokens["facts"] > len(Vocabulary(tiny).content("민준은 배를 싫어한다."))
    assert prompt.report.left_out == ()


def test_a_cut_takes_turns_and_leaves_them(tiny: ModelFile) -> None:
    prompt = rendered(tiny, room(200))
    assert prompt.report.cut_turns
    assert names(prompt)[-2:] == ["facts", "question"]


def test_they_are_the_last_to_be_left_out(tiny: ModelFile) -> None:
    assert FACTS is not None
    found = (PromptPart("search", "begin"), PromptPart("search[1]", "x" * 40), PromptPart("search", "end"))
    crowded = replace(room(3), references=found, scene=SCENE)
    alone = sum(rendered(tiny, room(0, None)).report.tokens.values())
    with_facts = sum(rendered(tiny, room(0)).report.tokens.values())
    kept = rendered(tiny, crowded, limit=with_facts)
    assert names(kept) == ["rules", "facts", "question"]
    assert kept.report.left_out == ("note",)
    lost = rendered(tiny, crowded, limit=alone)
    assert names(lost) == ["rules", "question"]
    assert set(lost.report.left_out) == {"facts", "note"}


def test_a_foreign_model_gets_them_too_and_loses_them_last() -> None:
    assert FACTS is not None
    prompt = build_prompt(replace(room(1), scene=SCENE), 4096, str)
    assert prompt.messages[-1]["content"] == "\n\n".join(["begin", "note", "end", FACTS.text, "질문 2?"])
    assert prompt.report.tokens["facts"] > 0
    small = replace(room(1), scene=(SCENE[0], PromptPart("note", "가" * 5000), SCENE[2]))
    report = build_prompt(small, 4096, str).report
    assert ("facts" in report.tokens, report.left_out) == (True, ("note",))


def cost(tiny: ModelFile, facts: PromptPart | None) -> tuple[int, RenderedPrompt]:
    """Tokens that the third question has to compute behind what the second left, and its prompt."""
    second, third = rendered(tiny, room(1, facts)), rendered(tiny, room(2, facts))
    answered = (*second.tokens, *Vocabulary(tiny).content("답 2."))
    shared = 0
    while shared < len(answered) and answered[shared] == third.tokens[shared]:
        shared += 1
    return len(third.tokens) - shared, third


def test_they_cost_a_turn_themselves_and_the_exchange_before_it(tiny: ModelFile) -> None:
    """As docs/history.md says: what stood beside a question is gone when the next one is asked."""
    without, _ = cost(tiny, None)
    with_facts, prompt = cost(tiny, FACTS)
    size = prompt.report.tokens["facts"]
    exchange = len(Vocabulary(tiny).content("질문 2?답 2."))
    frames = len(Vocabulary(tiny).content("<eot>assistant<begin>\n\n\n\n"))
    assert size + exchange <= with_facts - without <= size + exchange + frames
