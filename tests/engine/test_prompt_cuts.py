"""What gives way where a conversation is too long: the oldest turns, rarely and many at once, and quotes."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.prompting import history, prompter, room

from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, Exchange, PromptPart
from chatbot.llm.llama.model_file import ModelFile


def test_a_conversation_of_200_turns_begins_anew_a_few_times(tiny: ModelFile) -> None:
    one = prompter(tiny, limit=1500, context=2000)
    per_turn = len(one.render(room(1)).tokens) - len(one.render(room(0)).tokens)
    starts = []
    for turns in range(1, 201):
        prompt = one.render(room(turns))
        assert len(prompt.tokens) <= 1500
        report = prompt.report
        assert report.cut_turns + report.kept_turns == tuple(range(1, turns + 1))
        assert not report.cut_turns or len(prompt.tokens) + per_turn > 1500 - 500, (
            "no more is cut than allowed"
        )
        starts.append(report.kept_turns[0])
    cuts = [b - a for a, b in pairwise(starts) if b != a]
    assert all(cut * per_turn >= 500 // 2 for cut in cuts), "each cut frees half of the leeway at least"
    assert len(cuts) <= 200 * per_turn / 250


@settings(max_examples=20)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(0, 900))
def test_where_a_conversation_is_cut_follows_from_its_turns_alone(
    tiny: ModelFile, sizes: list[int], persona: int
) -> None:
    """Turns of any length, a fresh prompter at each: the beginning only moves on, and rarely."""
    turns = tuple(Exchange(n, "q" * size, "a") for n, size in enumerate(sizes, start=1))
    first = 1
    for count in range(len(turns) + 1):
        conversation = Conversation(
            system=(PromptPart("rules", "R" * persona),), question="?", exchanges=turns[:count]
        )
        report = prompter(tiny, limit=1500, context=2000).render(conversation).report
        start = report.kept_turns[0] if report.kept_turns else count + 1
        assert start >= first, "a turn that was cut does not come back"
        assert start <= max(1, count), "the last turn fits, so it stays"
        first = start


def test_a_path_whose_questions_were_all_asked_twice_is_cut_as_rarely(tiny: ModelFile) -> None:
    one = prompter(tiny, limit=1500, context=2000)
    path = tuple(Exchange(2 * turn.index + 1, turn.question, turn.answer) for turn in history(100))
    starts = [
        one.render(replace(room(0), exchanges=path[:turns])).report.kept_turns[0] for turns in range(1, 101)
    ]
    plain = [one.render(room(turns)).report.kept_turns[0] for turns in range(1, 101)]
    assert len(set(starts)) <= len(set(plain)) + 1


def test_a_sibling_is_cut_where_its_elder_was(tiny: ModelFile) -> None:
    one = prompter(tiny, limit=1500, context=2000)
    elder = one.render(room(40)).report
    assert elder.cut_turns
    fork = replace(room(40), exchanges=(*history(39), replace(history(40)[-1], index=41)))
    assert one.render(fork).report.cut_turns == elder.cut_turns


def test_a_long_persona_keeps_what_history_it_can(tiny: ModelFile) -> None:
    one = prompter(tiny, limit=1500, context=2000)
    conversation = Conversation(
        system=(PromptPart("rules", "R" * 1100),), question="?", exchanges=history(20)
    )
    assert len(one.render(conversation).report.kept_turns) >= 1
    with pytest.raises(PromptTooLong):
        one.render(
            Conversation(system=(PromptPart("rules", "R" * 1500),), question="?", exchanges=history(3))
        )


def test_references_give_way_from_the_end_before_a_question_is_refused(tiny: ModelFile) -> None:
    quotes = tuple(PromptPart(f"search[{number}]", f"{number}" * 400) for number in (1, 2, 3))
    framed = (PromptPart("search", "begin"), *quotes, PromptPart("search", "end"))
    conversation = replace(room(3), references=framed)
    report = prompter(tiny, limit=1100).render(conversation).report
    assert [name for name in report.tokens if "search" in name] == ["search", "search[1]", "search[2]"]
    assert report.kept_turns == ()
    none = prompter(tiny, limit=300).render(conversation)
    assert not any("search" in name for name in none.report.tokens)
    with pytest.raises(PromptTooLong):
        prompter(tiny, limit=5).render(conversation)
