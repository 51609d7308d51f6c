"""A room's branches on the chat page: other answers, other questions, unfinished answers, deleted turns."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.history.makers import make_turn
from tests.pages.conftest import Visitor
from tests.pages.real_suite import RealSuite
from tests.pages.turns import expect_done, expect_shown

from chatbot.domain.errors import ModelFailed
from chatbot.domain.history import RoomState
from chatbot.domain.messages import Finished, FinishReason, Token, Usage

pytestmark = pytest.mark.browser


def tool(page: Page, name: str, turn: int = -1) -> Locator:
    """A button of a turn; the last one's unless another is named."""
    return page.locator(".turn").nth(turn).get_by_role("button", name=name, exact=True)


def says(suite: RealSuite, *texts: str) -> None:
    """What the office's model answers from now on."""
    suite.office.script = tuple(map(Token, texts))


def talked(visitor: Visitor, suite: RealSuite, *turns: tuple[str, str]) -> Page:
    """A page with a conversation of these questions and answers."""
    page = visitor.open("/office/")
    for count, (question, answer) in enumerate(turns, 1):
        says(suite, answer)
        visitor.ask(page, question)
        expect(page.locator(".facts")).to_have_count(count)
    return page


@pytest.mark.everyday
def test_other_answers_stand_in_the_same_place_and_are_turned_to(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = talked(real_visitor, suite, ("질문", "첫째"), ("다음", "뒤"))
    says(suite, "둘째")
    tool(page, "다시 답하기", 0).click()
    expect_shown(page, "질문", "둘째")
    group = page.get_by_role("group", name="답변 2개 가운데 2번째")
    expect(group).to_have_text("2/2")
    expect(tool(page, "다음 답변")).to_be_disabled()
    tool(page, "이전 답변").click()
    # The path of the first answer goes on to what followed it.
    expect_shown(page, "질문", "첫째", "다음", "뒤")
    expect(tool(page, "다음 답변", 0)).to_be_focused()
    page.reload()
    expect_shown(page, "질문", "첫째", "다음", "뒤")
    tool(page, "다음 답변", 0).focus()
    page.keyboard.press("Enter")
    expect_shown(page, "질문", "둘째")
    # A new question goes where the page stands.
    says(suite, "이어서")
    real_visitor.ask(page, "그다음")
    expect_shown(page, "질문", "둘째", "그다음", "이어서")
    assert [turn.question for turn in suite.office.conversations[-1].exchanges] == ["질문"]
    assert suite.office.conversations[-1].exchanges[0].answer == "둘째"


def test_of_a_great_many_answers_each_has_its_number(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("질문", "답 1"))
    room = suite.history.turns[0].room
    for number in range(2, 121):
        suite.history.store.put(make_turn(room, "질문", f"답 {number}", after=None))
    page.reload()
    expect_shown(page, "질문", "답 120")
    expect(page.get_by_role("group", name="답변 120개 가운데 120번째")).to_have_text("120/120")
    middle = suite.history.turns[59].id
    suite.history.store.states[room] = RoomState(1, end=middle, newest=suite.history.turns[-1].id)
    page.reload()
    expect(page.locator(".swipe")).to_have_text("60/120")
    tool(page, "다음 답변").click()
    expect_shown(page, "질문", "답 61")
    expect(page.locator(".swipe")).to_have_text("61/120")
    for number in (60, 59):
        tool(page, "이전 답변").click()
        expect_shown(page, "질문", f"답 {number}")
    says(suite, "답 121")
    tool(page, "다시 답하기").click()
    expect_shown(page, "질문", "답 121")
    expect(page.locator(".swipe")).to_have_text("121/121")


def test_a_question_is_changed_in_its_place(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("하나", "1"), ("둘", "2"))
    tool(page, "질문 고치기", 0).click()
    expect(page.locator("#editing")).to_be_visible()
    expect(page.locator("#question")).to_have_value("하나")
    expect(page.locator(".turn").first).to_have_class(re.compile("edited"))
    page.get_by_role("button", name="취소").click()
    expect(page.locator(".turn.edited")).to_have_count(0)
    tool(page, "질문 고치기", 0).click()
    says(suite, "답")
    real_visitor.ask(page, "고친 하나")
    expect_shown(page, "고친 하나", "답")
    expect(page.locator("#editing")).to_be_hidden()
    tool(page, "이전 답변").click()
    expect_shown(page, "하나", "1", "둘", "2")
    assert len(suite.history.turns) == 3


def test_a_turn_is_deleted_with_what_follows_it_after_a_question(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = talked(real_visitor, suite, ("하나", "1"), ("둘", "2"), ("셋", "3"))
    tool(page, "질문과 답변 삭제").click()
    expect(page.locator("#confirm-text")).to_have_text("이 질문과 답변을 삭제할까요? 되돌릴 수 없습니다.")
    page.keyboard.press("Escape")
    assert len(suite.history.turns) == 3
    tool(page, "질문과 답변 삭제", 1).click()
    expect(page.locator("#confirm-text")).to_contain_text("뒤에 이어진 대화를 모두")
    page.click("#confirm-yes")
    expect_shown(page, "하나", "1")
    assert [turn.question for turn in suite.history.turns] == ["하나"]
    tool(page, "질문과 답변 삭제").click()
    page.click("#confirm-yes")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#rooms-hint")).to_have_text("아직 저장된 대화가 없습니다.")
    assert "#" not in page.url


def test_what_another_device_has_deleted_is_gone_here_as_well(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = talked(real_visitor, suite, ("하나", "1"), ("둘", "2"))
    gone = suite.history.turns[1].id
    suite.history.store.remove(lambda turn: turn.id == gone)
    tool(page, "질문과 답변 삭제").click()
    page.click("#confirm-yes")
    expect_shown(page, "하나", "1")
    expect(page.locator("#toast")).to_be_visible()
    assert "#" in page.url


def test_a_stopped_answer_is_kept_and_goes_on(real_visitor: Visitor, suite: RealSuite) -> None:
    suite.office.script = (Token("옛날에 "), Token("호랑이가"), 30.0)
    page = real_visitor.open("/office/")
    real_visitor.ask(page, "이야기")
    expect(page.locator(".answer")).to_have_text("옛날에 호랑이가")
    page.get_by_role("button", name="멈추기").click()
    proceed = page.get_by_role("button", name="이어 쓰기")
    expect(proceed).to_be_visible()
    page.reload()
    expect_shown(page, "이야기", "옛날에 호랑이가")
    says(suite, " 살았다.")
    proceed.click()
    expect_shown(page, "이야기", "옛날에 호랑이가 살았다.")
    expect(page.get_by_role("group", name="답변 2개 가운데 2번째")).to_be_visible()
    expect_done(page)
    expect(proceed).to_have_count(0)
    assert suite.office.conversations[-1].begun == "옛날에 호랑이가"
    assert [turn.answer for turn in suite.history.turns] == ["옛날에 호랑이가", "옛날에 호랑이가 살았다."]
    assert [turn.reason for turn in suite.history.turns] == [FinishReason.STOPPED, FinishReason.STOP]


def test_an_answer_that_failed_leaves_the_way_back_and_is_tried_again(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = talked(real_visitor, suite, ("하나", "1"), ("둘", "2"))
    suite.office.script = (ModelFailed("the model broke"),)
    tool(page, "다시 답하기", 0).click()
    expect(page.locator(".failed .remark")).to_be_visible()
    expect(page.locator(".swipe")).to_have_text("2/2")
    # What the page shows is what the next question follows, though the room's path ends elsewhere.
    says(suite, "따로")
    real_visitor.ask(page, "새 질문")
    expect(page.locator(".facts")).to_be_visible()
    assert suite.office.conversations[-1].exchanges == ()
    assert suite.history.turns[-1].parent is None
    page.reload()
    expect_shown(page, "새 질문", "따로")
    tool(page, "이전 답변").click()
    expect_shown(page, "하나", "1", "둘", "2")
    suite.office.script = (ModelFailed("the model broke"),)
    tool(page, "다시 답하기").click()
    expect(page.locator(".failed .remark")).to_be_visible()
    says(suite, "2보다 나은 답")
    page.get_by_role("button", name="다시 보내기").click()
    expect_shown(page, "하나", "1", "둘", "2보다 나은 답")
    expect(page.locator(".turn").nth(1).locator(".swipe")).to_have_text("2/2")


def test_a_question_without_an_answer_stays_when_another_path_is_taken(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = talked(real_visitor, suite, ("하나", "1"))
    says(suite, "일")
    tool(page, "다시 답하기").click()
    expect_shown(page, "하나", "일")
    suite.office.script = (ModelFailed("the model broke"),)
    real_visitor.ask(page, "둘")
    expect(page.locator(".failed .remark")).to_be_visible()
    tool(page, "이전 답변", 0).click()
    expect_shown(page, "하나", "1", "둘", "")
    says(suite, "2")
    page.get_by_role("button", name="다시 보내기").click()
    expect_shown(page, "하나", "1", "둘", "2")
    assert suite.office.conversations[-1].exchanges[0].answer == "1"


def test_an_answer_that_was_cut_by_its_length_goes_on(real_visitor: Visitor, suite: RealSuite) -> None:
    usage = Usage(prompt=10, completion=2, cached=0)
    suite.office.script = (Token("반쪽"), Finished(FinishReason.LENGTH, usage, 0.0, 0.0, 0.0))
    page = real_visitor.open("/office/")
    real_visitor.ask(page, "긴 글")
    expect(page.locator(".remark")).to_have_text("길이 제한에서 끝난 답변입니다.")
    says(suite, " 마저")
    page.get_by_role("button", name="이어 쓰기").click()
    expect_shown(page, "긴 글", "반쪽 마저")


def test_a_turns_tools_speak_the_pages_language(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("질문", "첫째"))
    tool(page, "다시 답하기").click()
    expect(page.get_by_role("group", name="답변 2개 가운데 2번째")).to_be_visible()
    page.locator("#language").click()
    expect(page.get_by_role("group", name="Answer 2 of 2")).to_be_visible()
    for name in ("Edit question", "Previous answer", "Answer again", "Delete question and answer"):
        expect(tool(page, name)).to_be_enabled()
    tool(page, "Delete question and answer").click()
    expect(page.locator("#confirm-text")).to_have_text(
        "Delete this question and its answer? This cannot be undone."
    )
