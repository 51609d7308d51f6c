"""Cutting a conversation by an estimate, and stop strings across pieces."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.domain.config import ANSWER_RESERVE
from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, Exchange, PromptPart, SummaryPart
from chatbot.domain.token_estimate import estimate_tokens
from chatbot.llm.openai.prompt import build_prompt
from chatbot.llm.stops import StopFilter


def test_the_estimate_counts_korean_fully_and_latin_in_thirds() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("가나다라") == 4
    assert estimate_tokens("a" * 100) == 30
    assert estimate_tokens("가나 ab") == 3


def room(turns: int) -> Conversation:
    exchanges = tuple(
        Exchange(n, f"질문 {n} " + "가" * 90, f"답 {n} " + "나" * 90) for n in range(1, turns + 1)
    )
    return Conversation(
        (PromptPart("rules", "규칙"),), "마지막 질문", "인사", exchanges, (PromptPart("search", "자료"),)
    )


def test_the_oldest_turns_go_first_and_never_half() -> None:
    prompt = build_prompt(room(20), 2048, str)
    assert prompt.report.cut_turns + prompt.report.kept_turns == tuple(range(1, 21))
    assert 1 < len(prompt.report.kept_turns) < 20
    roles = [message["role"] for message in prompt.messages]
    assert roles == ["system", "assistant", *["user", "assistant"] * len(prompt.report.kept_turns), "user"]
    first_kept = prompt.report.kept_turns[0]
    assert prompt.messages[2]["content"].startswith(f"질문 {first_kept} ")
    assert prompt.tokens == sum(prompt.report.tokens.values()) <= 2048 - ANSWER_RESERVE
    one_more = build_prompt(room(20), 2048 + 200, str)
    assert len(one_more.report.kept_turns) == len(prompt.report.kept_turns) + 1


class Counted:
    """Takes nothing out, and counts the characters of what it reads."""

    def __init__(self) -> None:
        self.chars = 0

    def __call__(self, text: str) -> str:
        self.chars += len(text)
        return text


@pytest.mark.parametrize("place", ["system", "opening", "question"])
def test_what_is_far_too_long_is_refused_unread(place: str) -> None:
    long, redact = "1 " * 500_000, Counted()
    if place == "system":
        conversation = replace(room(1), system=(PromptPart("rules", long),))
    elif place == "opening":
        conversation = replace(room(1), opening=long)
    else:
        conversation = replace(room(1), question=long)
    with pytest.raises(PromptTooLong) as refused:
        build_prompt(conversation, 2048, redact)
    assert refused.value.needed > 100_000
    assert redact.chars < 1000


def test_a_turn_that_is_far_too_long_is_cut_unread() -> None:
    redact = Counted()
    long = Exchange(20, "1 " * 500_000, "2 " * 500_000)
    prompt = build_prompt(replace(room(1), exchanges=(*room(19).exchanges, long)), 2048, redact)
    assert prompt.report.kept_turns == ()
    assert redact.chars < 1000


def test_each_text_is_read_once_however_many_quotes_have_to_go() -> None:
    redact = Counted()
    quotes = tuple(PromptPart("search", f"{number} " + "자료" * 50) for number in range(100))
    prompt = build_prompt(replace(room(3), references=quotes), 2048, redact)
    assert 1 < prompt.report.tokens["search"] < 2048
    assert redact.chars < 15_000


def test_for_turns_that_are_cut_stands_a_summary_of_them_in_the_first_user_turn() -> None:
    told = (SummaryPart(1, "> 하나"), SummaryPart(5, "> 다섯"), SummaryPart(20, "> 스물"))
    prompt = build_prompt(replace(room(20), summaries=told), 2048, str)
    first_kept = prompt.report.kept_turns[0]
    assert 5 < first_kept < 20
    assert prompt.messages[2]["content"].startswith(f"> 다섯\n\n질문 {first_kept} ")
    roles = [message["role"] for message in prompt.messages]
    assert roles == ["system", "assistant", *["user", "assistant"] * len(prompt.report.kept_turns), "user"]
    assert prompt.tokens == sum(prompt.report.tokens.values()) <= 2048 - ANSWER_RESERVE
    assert "summary" in prompt.report.tokens
    whole = build_prompt(replace(room(3), summaries=told), 2048, str)
    assert whole == build_prompt(room(3), 2048, str)
    alone = build_prompt(replace(room(1), exchanges=room(9).exchanges[:1], summaries=told[:1]), 700, str)
    assert alone.report.kept_turns == ()
    assert alone.messages[-1]["content"].startswith("> 하나\n\n자료")
    long = build_prompt(replace(room(20), summaries=(SummaryPart(1, "> " + "가" * 400),)), 2048, str)
    assert long.report.left_out == ("summary",)


def test_the_report_names_the_parts() -> None:
    report = build_prompt(room(1), 4096, str).report
    assert set(report.tokens) == {"rules", "opening", "history", "search", "question"}


def test_references_give_way_from_the_end_before_the_question_does() -> None:
    quotes = tuple(PromptPart(f"search[{number}]", f"{number}" + "가" * 200) for number in (1, 2, 3))
    framed = (PromptPart("search", "시작"), *quotes, PromptPart("search", "끝"))
    conversation = Conversation((PromptPart("rules", "규칙"),), "질문", references=framed)
    prompt = build_prompt(conversation, 1024, str)
    assert prompt.messages[-1]["content"].split("\n\n") == [
        "시작", quotes[0].text, quotes[1].text, "끝", "질문"
    ]  # fmt: skip
    assert [name for name in prompt.report.tokens if "[" in name] == ["search[1]", "search[2]"]
    assert prompt.tokens == sum(prompt.report.tokens.values())
    for references in (framed[:1], (framed[0], PromptPart("search[1]", "가" * 600), framed[-1])):
        long = replace(conversation, question="가" * 499, references=references)
        assert build_prompt(long, 1024, str).messages[-1]["content"] == "가" * 499


def test_persona_and_question_alone_too_long() -> None:
    with pytest.raises(PromptTooLong) as caught:
        build_prompt(Conversation((PromptPart("rules", "가" * 600),), "?"), 1024, str)
    assert caught.value.needed > caught.value.limit == 1024 - ANSWER_RESERVE


@given(
    st.lists(st.text("ab<>/", max_size=6), max_size=12),
    st.lists(st.text("ab<>/", min_size=1, max_size=4), max_size=3),
)
def test_stop_strings_do_not_depend_on_how_the_text_is_cut(pieces: list[str], stops: list[str]) -> None:
    def passed(parts: list[str]) -> tuple[str, bool]:
        cutter = StopFilter(stops)
        out = ""
        for part in parts:
            out += cutter.feed(part)
            if cutter.stopped:
                return out, True
        return out + cutter.flush(), False

    whole = "".join(pieces)
    ends = [at for stop in stops if (at := whole.find(stop)) >= 0]
    text, stopped = passed(pieces)
    assert stopped == bool(ends)
    assert not stopped or not any(stop in text for stop in stops)
    if not stopped:
        assert text == whole
    assert whole.startswith(text)
