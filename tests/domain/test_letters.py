"""Scripts: whose a character is, what a text asks for, and what an answer may be written in."""

import json
import sys
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest

from chatbot.domain.forms import Form, FormKind
from chatbot.domain.letters import OWN, scripts_asked_for, scripts_of_answer
from chatbot.domain.messages import Conversation, Exchange, PromptPart, Speakers
from chatbot.domain.scripts import script_of, script_ranges, scripts_of

FIRST_WORDS = {script.replace("_", " ").upper(): script for script in script_ranges()} | {
    "CJK UNIFIED IDEOGRAPH": "Han",
    "CJK COMPATIBILITY IDEOGRAPH": "Han",
}


NEWER = tuple(map(int, unicodedata.unidata_version.split("."))) > (15, 0, 0)
"""Whether this Python knows characters that the table does not have yet."""


def test_letters_belong_to_the_script_that_their_names_begin_with() -> None:
    """The table against ``unicodedata``, which has no scripts but names: "HANGUL SYLLABLE GA" is Hangul."""
    seen, shared = set(), 0
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        kind, script = unicodedata.category(character), script_of(character)
        assert script or NEWER or kind in ("Cn", "Cs", "Co")
        assert script is None or kind not in ("Cs", "Co")
        if kind[0] != "L" or script is None:
            continue
        words = unicodedata.name(character, "").replace("-", " ").split()
        named = next(
            (FIRST_WORDS[" ".join(words[:n])] for n in (3, 2, 1) if " ".join(words[:n]) in FIRST_WORDS), None
        )
        if named and script == "Common":
            shared += 1
        elif named:
            seen.add(script)
            assert script == named, f"{code:X} {words}"
    assert len(seen) > 120
    assert shared < 30


def test_ranges_are_in_order_and_apart() -> None:
    ranges = sorted(ends for script in script_ranges().values() for ends in script)
    assert all(first <= last for first, last in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


def test_the_scripts_of_a_text() -> None:
    assert scripts_of("안녕, Ωmega! 1") == {"Hangul", "Common", "Greek", "Latin"}
    assert scripts_of("日本のアニメ") == {"Han", "Hiragana", "Katakana"}
    assert scripts_of("e\u0301") == {"Latin", "Inherited"}
    assert scripts_of("\ue000\U000e0080") == set()


def test_braille_may_stand_in_korean_text() -> None:
    assert scripts_of("⠚⠣⠒⠈⠮") <= OWN


JAPANESE = {"Han", "Hiragana", "Katakana"}


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("회의 일정을 알려 줘", set()),
        ("이 문장을 한자로 적어 줘", {"Han"}),
        ("한자 리스트를 만들어 줘", {"Han"}),
        ("hanja로 표기해 줘", {"Han"}),
        ("한문을 섞어 써 줘", {"Han"}),
        ("이 말을 간체로 써 줘", {"Han"}),
        ("이 말을 번체로 써 줘", {"Han"}),
        ("모두 한자리에 모였다. 연필 한자루를 한문장으로 설명해 줘", set()),
        ("일본어로 번역해 줘", JAPANESE),
        ("Japanese로 부탁해", JAPANESE),
        ("JAPANESE", JAPANESE),
        ("아침에 일어나서 뭐 해? 어디 가나요?", set()),
        ("히라가나로 써 줘", {"Hiragana", "Katakana"}),
        ("중국어로 인사해 줘", {"Han", "Bopomofo"}),
        ("러시아어랑 아랍어로는 뭐라고 해?", {"Cyrillic", "Arabic"}),
        ("키릴 문자로 적어 줘", {"Cyrillic"}),
        ("태국어와 타이어", {"Thai"}),
        ("영어와 프랑스어와 베트남어로", set()),
        ("그리스어로 안녕이 뭐야?", set()),
        ("say it in Hebrew", {"Hebrew"}),
        ("여러 나라 언어로 인사해 줘", set(script_ranges())),
        ("다국어 안내문", set(script_ranges())),
        ("Greet me in different languages", set(script_ranges())),
    ],
)
def test_what_a_text_asks_for(text: str, scripts: set[str]) -> None:
    assert scripts_asked_for(text) == scripts


def test_every_script_that_can_be_asked_for_exists() -> None:
    from chatbot.domain.letters import _LANGUAGES

    assert {script for scripts, _ in _LANGUAGES for script in scripts.split()} <= script_ranges().keys()
    assert script_ranges().keys() >= OWN


KOREAN = Conversation(
    system=(PromptPart("rules", "한자를 쓰지 않습니다."), PromptPart("context", "사서입니다.")),
    question="안녕하세요?",
    opening="어서 오세요.",
    exchanges=(Exchange(1, "이름이 뭐예요?", "미나예요."),),
    references=(PromptPart("search", "시작"), PromptPart("search[1]", "본문"), PromptPart("search", "끝")),
    language="ko",
)


def test_a_korean_answer_has_the_letters_of_korean_text() -> None:
    """The word 한자 in the service's own rules asks for none."""
    assert scripts_of_answer(KOREAN) == OWN


def test_only_korean_questions_are_held_to_it() -> None:
    assert scripts_of_answer(replace(KOREAN, language="en")) is None
    assert scripts_of_answer(replace(KOREAN, language=None)) is None


@pytest.mark.parametrize(
    "brings",
    [
        {"question": "明日이 무슨 뜻이에요?"},
        {"exchanges": (Exchange(1, "明日이 무슨 뜻이에요?", "내일이에요."),)},
        {"opening": "明日 만나요."},
        {"system": (PromptPart("rules", "明日"),)},
        {"system": (PromptPart("rules", "규칙"), PromptPart("context", "明日을 기다리는 사람"))},
        {"references": (PromptPart("search", "明日"),)},
        {"scene": (PromptPart("lore[1]", "明日은 도시의 이름"),)},
        {"speakers": Speakers("明日", "미나")},
        {"question": "한자로 써 주세요"},
        {"exchanges": (Exchange(1, "한자로 써 주세요", "네."),)},
        {"system": (PromptPart("rules", "규칙"), PromptPart("context", "한자를 좋아하는 사람"))},
    ],
    ids=str,
)
def test_what_people_wrote_or_ask_for_may_come(brings: dict[str, object]) -> None:
    assert scripts_of_answer(replace(KOREAN, **brings)) == OWN | {"Han"}  # type: ignore[arg-type]


def test_what_the_model_wrote_allows_nothing() -> None:
    slipped = replace(KOREAN, exchanges=(Exchange(1, "안녕", "明日, 한자로"),), begun="내일은 明日")
    assert scripts_of_answer(slipped) == OWN


def test_what_a_search_result_talks_about_is_no_request() -> None:
    found = replace(KOREAN, references=(PromptPart("search[1]", "러시아어 학원"),))
    assert scripts_of_answer(found) == OWN


@pytest.mark.parametrize(
    "text", ['{"enum": ["明日"]}', json.dumps({"enum": ["明日"]}), r"\u{660e}", r"\x{660E}"]
)
def test_what_a_form_says_literally_may_come(text: str) -> None:
    assert scripts_of_answer(KOREAN, Form(FormKind.JSON_SCHEMA, text)) == OWN | {"Han"}
    assert scripts_of_answer(KOREAN, Form(FormKind.JSON_OBJECT)) == OWN
