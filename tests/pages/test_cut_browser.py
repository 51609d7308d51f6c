"""The line above which the model reads no more, and the summary that it reads in place of that."""

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import text_answer
from tests.pages.real_suite import RealSuite
from tests.pages.turns import expect_done

from chatbot.domain.messages import Prompted, PromptReport, Token

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOM = "123e4567-e89b-12d3-a456-426614174000"
TURNS = [f"123e4567-e89b-12d3-a456-42661417400{number}" for number in range(1, 5)]
LINE = "위의 대화는 이제 모델에게 보내지 않습니다."


def below(page: Page) -> str:
    """The question of the turn right below the line."""
    return page.locator(".cut-line + .turn .question").inner_text().removeprefix("나:").strip()


def answered(visitor: Visitor, page: Page, suite: RealSuite, question: str, kept: int, cut: int) -> None:
    """Ask; the prompt has so many turns and lacks so many."""
    indexes = tuple(range(1, cut + kept + 1))
    report = PromptReport({"question": 3}, kept_turns=indexes[cut:], cut_turns=indexes[:cut])
    suite.office.script = (Prompted(report), Token("네"))
    visitor.ask(page, question)
    expect(page.locator(".turn .question").last).to_contain_text(question)
    expect(page.locator(".turn .facts").last).to_be_visible()
    expect_done(page)


def test_the_line_stands_where_the_last_prompt_began_also_after_a_reload(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    line = page.locator(".cut-line")
    answered(real_visitor, page, suite, "하나", 0, 0)
    answered(real_visitor, page, suite, "둘", 1, 0)
    expect(line).to_have_count(0)
    answered(real_visitor, page, suite, "셋", 1, 1)
    expect(line).to_have_text(LINE)
    assert below(page) == "둘"
    answered(real_visitor, page, suite, "넷", 0, 3)
    assert below(page) == "넷"
    expect(line).to_have_count(1)
    page.reload()
    expect(line).to_be_visible()
    assert below(page) == "넷"
    page.click("#language")
    expect(line).to_have_text("The model no longer reads what is above.")
    # A path that was never cut has none.
    page.get_by_role("button", name="Edit question").nth(2).click()
    answered(real_visitor, page, suite, "셋 대신", 2, 0)
    expect(line).to_have_count(0)
    page.get_by_role("button", name="Previous answer").click()
    expect(line).to_be_visible()
    page.click("#new-room")
    expect(line).to_have_count(0)


@pytest.fixture
def summed_up(served: Served) -> Served:
    """A room of four turns, whose last prompt lacked two, and summaries of its beginnings."""
    office = served.suite.office
    for number, id_ in enumerate(TURNS, 1):
        office.store(ROOM, f"질문 {number}", f"답변 {number}", id_, turns_read=[0, 1, 2, 1][number - 1])
    when = "2026-11-24T03:00:00+00:00"
    office.summaries = [
        {"turn": turn, "index": index, "text": text, "edited": False, "created_at": when}
        for turn, index, text in (
            (TURNS[1], 2, "둘째까지의 요약\n<b>굵게</b>"),
            (TURNS[0], 1, "첫째의 요약"),
            (TURNS[2], 3, "아직 읽는 것의 요약"),
        )
    ]
    office.answers = [text_answer("네")]
    return served


def test_the_summary_stands_at_the_line_and_can_be_changed_and_deleted(
    visitor: Visitor, summed_up: Served
) -> None:
    page = visitor.open(f"/office/#{ROOM}")
    assert page.locator(".cut-line > p").inner_text() == LINE
    assert below(page) == "질문 3"
    text = page.locator(".summary-text")
    expect(text).to_be_hidden()
    page.locator(".cut-line summary").focus()
    page.keyboard.press("Enter")
    expect(text).to_have_text("둘째까지의 요약\n<b>굵게</b>")
    page.get_by_role("button", name="요약 고치기").click()
    field = page.locator("#summary textarea")
    field.fill("")
    page.locator("#summary").get_by_role("button", name="저장").click()
    expect(field).to_be_focused()
    field.fill("고친 요약")
    page.keyboard.press("Escape")
    page.click("#confirm-no")
    page.locator("#summary").get_by_role("button", name="저장").click()
    expect(text).to_have_text("고친 요약")
    expect(page.locator(".cut-line summary")).to_have_text("요약 (고친 것)")
    assert [each["text"] for each in summed_up.suite.office.summaries if each["edited"]] == ["고친 요약"]
    page.get_by_role("button", name="요약 삭제").click()
    page.click("#confirm-no")
    expect(text).to_have_text("고친 요약")
    page.get_by_role("button", name="요약 삭제").click()
    page.click("#confirm-yes")
    # The one that covers less is what the model would read now.
    expect(page.locator(".cut-line summary")).to_have_text("요약")
    expect(text).to_have_text("첫째의 요약")
    summed_up.suite.office.summaries = []
    page.reload()
    expect(page.locator(".cut-line")).to_be_visible()
    expect(page.locator(".cut-line details")).to_be_hidden()


def test_a_summary_that_is_made_after_an_answer_appears_with_the_next(
    visitor: Visitor, summed_up: Served
) -> None:
    office = summed_up.suite.office
    later, office.summaries = office.summaries, []
    page = visitor.open(f"/office/#{ROOM}")
    expect(page.locator(".cut-line")).to_be_visible()
    expect(page.locator(".cut-line details")).to_be_hidden()
    office.summaries = later
    visitor.ask(page, "다음")
    expect(page.locator(".cut-line summary")).to_be_visible()


def test_a_summary_that_cannot_be_read_again_is_told_after_a_change_alone(
    visitor: Visitor, summed_up: Served
) -> None:
    page = visitor.open(f"/office/#{ROOM}")
    expect(page.locator(".cut-line details")).to_be_visible()
    page.route(
        f"**/rooms/{ROOM}?*", lambda route: route.fulfill(status=503, json={"detail": "저장소가 없습니다."})
    )
    with page.expect_response(f"**/rooms/{ROOM}?*"):
        visitor.ask(page, "다음")
    expect_done(page)
    expect(page.locator("#toast")).to_be_hidden()
    page.locator(".cut-line summary").click()
    page.get_by_role("button", name="요약 고치기").click()
    page.locator("#summary textarea").fill("고친 요약")
    page.locator("#summary").get_by_role("button", name="저장").click()
    expect(page.locator("#toast")).to_have_text("저장소가 없습니다.")
    expect(page.locator("#summary")).to_be_hidden()
    assert [each["text"] for each in summed_up.suite.office.summaries if each["edited"]] == ["고친 요약"]


def test_another_user_sees_nothing_of_the_former_ones_summary(visitor: Visitor, summed_up: Served) -> None:
    assert summed_up.suite.office.summaries
    page = visitor.open(f"/office/#{ROOM}")
    page.locator(".cut-line summary").click()
    page.get_by_role("button", name="요약 고치기").click()
    expect(page.locator("#summary textarea")).to_have_value("둘째까지의 요약\n<b>굵게</b>")
    visitor.change_user(visitor.open("/office/"), "somebody-else")
    expect(page.locator("#summary")).to_be_hidden()
    expect(page.locator("#summary textarea")).to_have_count(0)
