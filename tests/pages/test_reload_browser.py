"""A reload of the chat page in the middle of an answer: nothing is lost, nothing is asked or shown twice."""

import pytest
from playwright.sync_api import expect
from tests.pages.conftest import Visitor
from tests.pages.real_suite import RealSuite
from tests.pages.turns import expect_done, expect_shown

from chatbot.domain.messages import Token

pytestmark = pytest.mark.browser


def stored(suite: RealSuite) -> list[tuple[str, str]]:
    """What history has."""
    return [(turn.question, turn.answer) for turn in suite.history.turns]


@pytest.mark.everyday
def test_what_was_written_is_there_after_a_reload(real_visitor: Visitor, suite: RealSuite) -> None:
    suite.office.script = (Token("옛날에"), 30.0)
    page = real_visitor.open("/office/")
    real_visitor.ask(page, "이야기")
    expect(page.locator(".answer")).to_have_text("옛날에")
    page.fill("#question", "다음에 물을 것")
    page.reload()
    expect_shown(page, "이야기", "옛날에")
    expect(page.get_by_role("button", name="이어 쓰기")).to_be_visible()
    expect(page.locator("#question")).to_have_value("다음에 물을 것")
    assert stored(suite) == [("이야기", "옛날에")]


def test_a_question_without_an_answer_is_put_back_and_asked_once(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    suite.office.script = (Token("첫 답"),)
    page = real_visitor.open("/office/")
    real_visitor.ask(page, "계속")
    expect(page.locator(".facts")).to_be_visible()
    suite.office.script = (30.0,)
    # The same words again: the stored turn is not this question's.
    real_visitor.ask(page, "계속")
    expect(page.locator("#stop")).to_be_visible()
    page.reload()
    expect_shown(page, "계속", "첫 답", "계속", "")
    expect(page.locator(".remark")).to_contain_text("질문은 그대로 있습니다")
    page.reload()
    expect_shown(page, "계속", "첫 답", "계속", "")
    suite.office.script = (Token("둘째 답"),)
    page.get_by_role("button", name="다시 보내기").click()
    expect_shown(page, "계속", "첫 답", "계속", "둘째 답")
    expect_done(page)
    page.reload()
    expect_shown(page, "계속", "첫 답", "계속", "둘째 답")
    assert stored(suite) == [("계속", "첫 답"), ("계속", "둘째 답")]


def test_a_question_that_the_service_has_not_taken_yet_is_put_back(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    page.route("**/office/Llama", lambda _: None)
    real_visitor.ask(page, "첫 질문")
    expect(page.locator("#stop")).to_be_visible()
    page.reload()
    page.unroute_all()
    expect_shown(page, "첫 질문", "")
    suite.office.script = (Token("답"),)
    page.get_by_role("button", name="다시 보내기").click()
    expect_shown(page, "첫 질문", "답")
    # A question that is put away does not come back.
    page.route("**/office/Llama", lambda _: None)
    real_visitor.ask(page, "필요 없는 질문")
    expect(page.locator("#stop")).to_be_visible()
    page.reload()
    page.unroute_all()
    expect_shown(page, "첫 질문", "답", "필요 없는 질문", "")
    page.locator(".turn").last.get_by_role("button", name="질문과 답변 삭제").click()
    page.click("#confirm-yes")
    page.reload()
    expect_shown(page, "첫 질문", "답")


def test_a_changed_question_comes_back_in_its_place(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    for number, text in enumerate(("하나", "둘"), 1):
        suite.office.script = (Token(f"답 {text}"),)
        real_visitor.ask(page, text)
        expect(page.locator(".facts")).to_have_count(number)
    suite.office.script = (30.0,)
    page.locator(".turn").first.get_by_role("button", name="질문 고치기").click()
    real_visitor.ask(page, "고친 하나")
    expect(page.locator("#stop")).to_be_visible()
    page.reload()
    expect_shown(page, "고친 하나", "")
    suite.office.script = (Token("새 답"),)
    page.get_by_role("button", name="다시 보내기").click()
    expect_shown(page, "고친 하나", "새 답")
    expect(page.locator(".swipe")).to_have_text("2/2")
    expect_done(page)
    assert [turn.parent for turn in suite.history.turns][2] is None


def test_an_answer_that_the_server_completes_is_waited_for(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    page.click("#open-settings")
    page.get_by_label("화면이 꺼져도 답변 완성").check()
    page.click("#settings-save")
    suite.office.script = (Token("시작"), 3.0, Token("했고 끝났다"))
    real_visitor.ask(page, "긴 답")
    expect(page.locator(".answer")).to_have_text("시작")
    page.reload()
    expect_shown(page, "긴 답", "시작했고 끝났다")
    expect_done(page)
    assert stored(suite) == [("긴 답", "시작했고 끝났다")]
