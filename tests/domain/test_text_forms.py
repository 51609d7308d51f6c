"""A text is the same text in either Unicode form: limits, particles, and what a line shows of an emoji."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.support.foreign_texts import TEXTS

from chatbot.api.openai.schema import CompletionRequest
from chatbot.domain.macros import fill_macros
from chatbot.domain.particles import agreeing
from chatbot.domain.plaintext import beginning, nfc, one_line, visible
from chatbot.domain.turn_records import StateRecord
from chatbot.services.character import CharacterRequest
from chatbot.services.office import OfficeRequest


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


CHARACTER = {
    "input_data": "가" * 500,
    "character_name": "각" * 50,
    "greeting": "힣" * 2000,
    "context": "밝" * 2000,
    "user_name": "곱" * 50,
}


def test_every_limit_counts_what_is_seen() -> None:
    apart = CharacterRequest.model_validate({name: nfd(f" {text} ") for name, text in CHARACTER.items()})
    assert apart.model_dump(include=set(CHARACTER)) == CHARACTER
    assert len(OfficeRequest(input_data=nfd("가나다" * 80)).question) == 240
    face = {
        "messages": [{"role": "user", "content": nfd("각"), "name": nfd("각" * 256)}],
        "user": nfd("각" * 256),
    }
    completion = CompletionRequest.model_validate(
        face | {"character_name": nfd("각" * 50), "stop": nfd("끝")}
    )
    assert (completion.messages[0].content, completion.stop) == ("각", ["끝"])
    assert completion.character_name == "각" * 50


@pytest.mark.parametrize("field", CHARACTER)
@pytest.mark.parametrize("form", [str, nfd])
def test_one_more_than_the_limit_is_refused_in_either_form(field: str, form: type[str]) -> None:
    fields = {name: form(text) for name, text in CHARACTER.items()} | {field: form(CHARACTER[field] + "각")}
    with pytest.raises(ValidationError) as refused:
        CharacterRequest.model_validate(fields)
    (error,) = refused.value.errors()
    assert (error["type"], error["ctx"]) == ("string_too_long", {"max_length": len(CHARACTER[field])})


def test_marks_without_end_are_left_as_they_are() -> None:
    """Putting them in order would take the square of their number."""
    stacked = "e" + "\u0301\u0323" * 30_000
    assert nfc(stacked) is stacked
    assert nfc("e" + "\u0301\u0323" * 15) == unicodedata.normalize("NFC", "e" + "\u0301\u0323" * 15)
    with pytest.raises(ValidationError):
        OfficeRequest(input_data=stacked)


@given(st.text())
def test_the_composed_form_is_unicode_s(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)


@given(TEXTS)
def test_what_is_seen_is_seen_as_the_same_once_more(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(TEXTS.map(lambda text: text * 9), st.integers(1, 60))
def test_a_beginning_does_not_grow_by_composing(text: str, limit: int) -> None:
    kept = beginning(text, limit)
    assert len(kept) <= limit
    assert len(nfc(kept)) <= limit


@pytest.mark.parametrize("title", ["\u1100\u1161\u11a8" * 100, "\ufb2c" * 33, "\u0958" * 50, "각\u200b" * 99])
def test_a_title_is_counted_as_it_is_seen(title: str) -> None:
    (kept,) = StateRecord.model_validate({"title": title}).model_dump(include={"title"}).values()
    assert kept == visible(title)
    assert StateRecord.model_validate({"title": kept}).title == kept
    with pytest.raises(ValidationError):
        StateRecord.model_validate({"title": title + "x" * 101})


@pytest.mark.parametrize(
    ("name", "particle", "form"),
    [
        ("레이첼", "는", "은"),
        ("미나", "은", "는"),
        ("달", "으로", "로"),
        ("길동", "로", "으로"),
        ("Kim", "는", "는"),
    ],
)
def test_a_particle_follows_a_name_in_either_form(name: str, particle: str, form: str) -> None:
    for written in (name, nfd(name)):
        for asked in (particle, nfd(particle)):
            assert nfc(agreeing(written, asked)) == form
        assert fill_macros("{{char}}" + particle, written, "x") == written + form


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧", "❤️‍🔥", "🏳️‍🌈", "👩🏽‍💻", "🙂‍↔️", "✈️", "1️⃣", "#️⃣"])
def test_an_emoji_stays_one_in_a_title_and_is_never_cut_in_two(emoji: str) -> None:
    assert one_line(f"제목 {emoji} 끝", 60) == f"제목 {emoji} 끝"
    for limit in range(4, 4 + len(emoji)):
        assert one_line(f"제목 {emoji}{'끝' * 9}", limit) == "제목…"


@pytest.mark.parametrize(
    "hidden",
    [
        "a\u200db",
        "가\u200d나",
        "a\ufe0f",
        "\u200d\u200d",
        "👨\u200da",
        "\ufe0f👨",
        "a\ufe0f\u20e3",
        "1\ufe0f",
    ],
)
def test_joiners_and_selectors_outside_an_emoji_go(hidden: str) -> None:
    assert one_line(hidden, 60) == hidden.replace("\u200d", "").replace("\ufe0f", "")


def test_a_letter_is_not_cut_from_its_mark() -> None:
    assert one_line("x" * 8 + "q\u0301" * 5, 11) == "x" * 8 + "q\u0301…"
    assert one_line("x" * 8 + "q\u0301" * 5, 10) == "x" * 8 + "…"
