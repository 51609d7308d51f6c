"""Writing a question on the chat page: input methods, keys, the counter, and what has not been sent yet."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import endless, stream, text_answer

pytestmark = pytest.mark.browser

ROOM = "123e4567-e89b-12d3-a456-426614174000"


def compose(visitor: Visitor, page: Page, begun: str, ended: str) -> None:
    """Compose as an input method does, with an Enter in the middle, and end it with another text."""
    devtools = visitor.context.new_cdp_session(page)
    devtools.send(
        "Input.imeSetComposition",
        {"text": begun, "selectionStart": len(begun), "selectionEnd": len(begun)},
    )
    enter = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    devtools.send("Input.dispatchKeyEvent", enter)
    page.wait_for_timeout(100)
    assert page.input_value("#question").endswith(begun), "nothing is sent in the middle of a syllable"
    devtools.send("Input.insertText", {"text": ended})


@pytest.mark.everyday
def test_enter_in_a_syllable_sends_it_whole_and_once(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.answers = [text_answer("네")]
    page = visitor.open("/office/")
    page.focus("#question")
    compose(visitor, page, "안녀", "안녕")
    expect(page.locator(".answer")).to_have_text("네")
    # macOS gives the Enter again behind the syllable.
    page.keyboard.press("Enter")
    expect(page.locator("#send")).to_be_visible()
    # Safari ends the syllable first and marks its Enter by the key code alone.
    page.keyboard.insert_text("네")
    page.locator("#question").evaluate(
        """(field) => {
             field.dispatchEvent(new CompositionEvent("compositionend", { data: "네" }));
             field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229 }));
           }"""
    )
    expect(page.locator(".facts")).to_have_count(2)
    assert [asked["input_data"] for asked in office.asked] == ["안녕", "네"]


def test_enter_that_chooses_a_candidate_sends_nothing(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.answers = [text_answer("네")]
    page = visitor.open("/office/")
    page.focus("#question")
    compose(visitor, page, "にほん", "日本")
    page.locator("#question").dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    page.wait_for_timeout(100)
    expect(page.locator("#question")).to_have_value("日本")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("hi")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_text("네")
    assert [asked["input_data"] for asked in office.asked] == ["日本\nhi"]


def test_escape_leaves_a_rewritten_question_and_brings_back_what_was_being_written(
    visitor: Visitor, served: Served
) -> None:
    office = served.suite.office
    office.store(ROOM, "질문", "답변")
    page = visitor.open(f"/office/#{ROOM}")
    page.fill("#question", "쓰던 글")
    page.get_by_role("button", name="질문 고치기").click()
    expect(page.locator("#question")).to_have_value("질문")
    page.keyboard.type("을 고친다")
    page.keyboard.press("Escape")
    expect(page.locator("#editing")).to_be_hidden()
    expect(page.locator("#question")).to_have_value("쓰던 글")
    expect(page.locator(".turn .answer")).to_have_text("답변")


def test_the_counter_counts_characters_as_the_service_does(visitor: Visitor, served: Served) -> None:
    page = visitor.open("/office/")
    expect(page.locator("#send")).to_be_disabled()
    page.fill("#question", "🙂" * 500 + " ")
    expect(page.locator("#count")).to_have_text("500/500")
    expect(page.locator("#send")).to_be_enabled()
    page.fill("#question", "🙂" * 501)
    expect(page.locator("#count")).to_have_class(re.compile("over"))
    expect(page.locator("#send")).to_be_disabled()
    page.press("#question", "Enter")
    assert served.suite.office.asked == []


def test_an_unsent_question_outlives_a_reload(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.store(ROOM, "질문", "답변")
    office.answers = [text_answer("네")]
    page = visitor.open(f"/office/#{ROOM}")
    page.fill("#question", "쓰다 만 질문")
    page.reload()
    expect(page.locator(".turn .answer")).to_have_text("답변")
    expect(page.locator("#question")).to_have_value("쓰다 만 질문")
    page.press("#question", "Enter")
    expect(page.locator(".facts")).to_have_count(2)
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator("#question")).to_have_value("")


def test_the_keyboard_recalls_the_last_question_and_stops_an_answer(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.answers = [text_answer("네"), stream(endless)]
    page = visitor.open("/office/")
    page.press("#question", "ArrowUp")
    expect(page.locator("#editing")).to_be_hidden()
    visitor.ask(page, "첫 질문")
    expect(page.locator(".facts")).to_be_visible()
    page.press("#question", "ArrowUp")
    expect(page.locator("#question")).to_have_value("첫 질문")
    expect(page.locator("#editing")).to_be_visible()
    page.press("#question", "Enter")
    expect(page.locator(".answer")).to_have_text("시작했지만")
    page.click("#open-settings")
    page.keyboard.press("Escape")
    expect(page.locator("#stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".remark")).to_have_text("멈췄습니다. 이 답변은 저장되지 않았습니다.")
