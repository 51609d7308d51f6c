"""The author's note on the page: what was written is neither lost nor taken for another room's."""

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Visitor, hold
from tests.pages.fake_service import Gate
from tests.pages.kept import keep, play
from tests.pages.real_suite import RealSuite
from tests.pages.turns import expect_done

from chatbot.domain.messages import Token

pytestmark = pytest.mark.browser

NOTE = "천천히 말한다."


@pytest.fixture
def page(real_visitor: Visitor) -> Page:
    """The character's page; nobody is kept yet."""
    return real_visitor.open("/character/")


def open_note(page: Page) -> None:
    page.locator("#welcome").get_by_role("button", name="작가의 말").click()
    expect(page.locator("#note")).to_be_visible()


def write_note(page: Page, text: str) -> None:
    open_note(page)
    page.locator("#note textarea").fill(text)
    page.locator("#note").get_by_role("button", name="저장").click()
    expect(page.locator("#note")).to_be_hidden()


def expect_note(page: Page, text: str) -> None:
    open_note(page)
    expect(page.locator("#note textarea")).to_have_value(text)
    page.keyboard.press("Escape")
    expect(page.locator("#note")).to_be_hidden()


def answered(visitor: Visitor, page: Page, question: str) -> None:
    visitor.ask(page, question)
    expect(page.locator(".turn .question").last).to_have_text(f"나: {question}")
    expect_done(page)


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.usefixtures("played")
def test_a_reload_in_the_middle_of_an_answer_keeps_what_was_asked_with(
    page: Page, real_visitor: Visitor, suite: RealSuite, *, asked_before: bool
) -> None:
    page.evaluate("localStorage.setItem('chatbot.finish', '1')")
    if asked_before:
        answered(real_visitor, page, "안녕")
    write_note(page, NOTE)
    gate = Gate()
    suite.character.script = (Token("첫째 "), gate.passed, Token("둘째"))
    real_visitor.ask(page, "세어 줘")
    expect(page.locator(".turn .answer").last).to_have_text("첫째")
    # Another tab chooses somebody else meanwhile.
    other = real_visitor.open("/character/")
    keep(other, suite, name="민준")
    play(other, "민준")
    page.reload()
    expect(page.locator(".turn .answer").last).to_have_text("첫째")
    expect(page.locator(".turn .speaker").last).to_have_text("지우")
    expect(page.locator(".welcome h2")).to_have_text("지우")
    expect_note(page, NOTE)
    gate.open()
    expect(page.locator(".turn .answer").last).to_have_text("첫째 둘째")
    expect_done(page)
    answered(real_visitor, page, "다음")
    asked = suite.character.conversations[-1]
    assert asked.speakers.assistant == "지우"
    assert f"> {NOTE}" in asked.user_text


@pytest.mark.everyday
@pytest.mark.usefixtures("played")
def test_a_question_that_is_put_back_is_sent_again_as_it_was(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    write_note(page, NOTE)
    suite.character.script = (30.0,)
    real_visitor.ask(page, "안녕")
    expect(page.locator("#stop")).to_be_visible()
    page.reload()
    expect_note(page, NOTE)
    suite.character.script = (Token("네"),)
    page.get_by_role("button", name="다시 보내기").click()
    expect(page.locator(".turn .answer")).to_have_text("네")
    expect_done(page)
    asked = suite.character.conversations[-1]
    assert asked.speakers.assistant == "지우"
    assert f"> {NOTE}" in asked.user_text


@pytest.mark.usefixtures("played")
def test_a_note_that_was_not_sent_outlives_what_changes_the_path(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    answered(real_visitor, page, "안녕")
    page.get_by_role("button", name="다시 답하기").click()
    expect(page.get_by_role("button", name="이전 답변")).to_be_enabled()
    answered(real_visitor, page, "잘 지냈어?")
    write_note(page, NOTE)
    page.get_by_role("button", name="질문과 답변 삭제").last.click()
    page.click("#confirm-yes")
    expect(page.locator(".turn")).to_have_count(1)
    expect_note(page, NOTE)
    page.get_by_role("button", name="이전 답변").click()
    expect(page.get_by_role("button", name="이전 답변")).to_be_disabled()
    expect_note(page, NOTE)
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    expect_note(page, NOTE)
    # Another room has its own; this one's is there again when it is.
    page.get_by_role("button", name="새 대화").click()
    expect_note(page, "")
    page.locator(".room", has_text="안녕").click()
    expect(page.locator(".turn")).to_have_count(1)
    expect_note(page, NOTE)
    answered(real_visitor, page, "그래?")
    assert f"> {NOTE}" in suite.character.conversations[-1].user_text
    # From here on it is the path's: another path has none.
    page.get_by_role("button", name="다음 답변").first.click()
    expect(page.locator(".turn")).to_have_count(1)
    expect_note(page, "")


@pytest.mark.usefixtures("played")
def test_a_note_outlives_the_only_turn_of_its_room(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    answered(real_visitor, page, "안녕")
    write_note(page, NOTE)
    page.get_by_role("button", name="질문과 답변 삭제").click()
    page.click("#confirm-yes")
    expect(page.locator(".turn")).to_have_count(0)
    expect_note(page, NOTE)
    answered(real_visitor, page, "다시 안녕")
    assert f"> {NOTE}" in suite.character.conversations[-1].user_text
    page.get_by_role("button", name="새 대화").click()
    expect_note(page, "")


def test_escape_and_cancel_ask_before_they_drop_a_note(page: Page) -> None:
    note = page.locator("#note")

    def escape() -> None:
        page.keyboard.press("Escape")

    def cancel() -> None:
        note.get_by_role("button", name="취소").click()

    for leave in (escape, cancel):
        open_note(page)
        note.locator("textarea").fill(NOTE)
        leave()
        expect(page.locator("#confirm-text")).to_have_text("저장하지 않은 내용을 버릴까요?")
        page.click("#confirm-no")
        expect(note.locator("textarea")).to_have_value(NOTE)
        leave()
        page.get_by_role("button", name="버리기").click()
        expect(note).to_be_hidden()
    expect_note(page, "")


@pytest.mark.usefixtures("played")
def test_a_note_that_is_cleared_while_an_answer_runs_does_not_come_back(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    write_note(page, NOTE)
    gate = Gate()
    suite.character.script = (Token("첫째 "), gate.passed, Token("둘째"))
    real_visitor.ask(page, "세어 줘")
    expect(page.locator(".turn .answer")).to_have_text("첫째")
    write_note(page, "")
    gate.open()
    expect(page.locator(".turn .answer")).to_have_text("첫째 둘째")
    expect_done(page)
    assert f"> {NOTE}" in suite.character.conversations[-1].user_text
    page.reload()
    expect(page.locator(".turn .answer")).to_have_text("첫째 둘째")
    expect_note(page, "")
    answered(real_visitor, page, "다음")
    assert NOTE not in suite.character.conversations[-1].user_text


@pytest.mark.usefixtures("played")
def test_a_note_is_left_when_another_room_comes_onto_the_page(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    answered(real_visitor, page, "하나")
    page.get_by_role("button", name="새 대화").click()
    answered(real_visitor, page, "둘")
    held = hold(page, f"**/rooms/{suite.history.turns[0].room.db_id}?*")
    page.locator(".room", has_text="하나").click()
    open_note(page)
    page.locator("#note textarea").fill(NOTE)
    held.pop().continue_()
    expect(page.locator(".turn .question")).to_have_text("나: 하나")
    expect(page.locator("#note")).to_be_hidden()
    expect_note(page, "")


def test_an_open_note_is_closed_when_another_tab_changes_the_user(page: Page, real_visitor: Visitor) -> None:
    open_note(page)
    page.locator("#note textarea").fill(NOTE)
    real_visitor.change_user(real_visitor.open("/character/"), "somebody-else")
    expect(page.locator("#note")).to_be_hidden()
    expect_note(page, "")
