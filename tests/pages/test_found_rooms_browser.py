"""Rooms on the chat page that are renamed, pinned and found by what was said in them."""

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Visitor
from tests.pages.real_suite import RealSuite

from chatbot.domain.messages import Token

pytestmark = pytest.mark.browser


def talked(visitor: Visitor, suite: RealSuite, *turns: tuple[str, str]) -> Page:
    """A page that has had a room of its own for each of these questions and answers."""
    page = visitor.open("/office/")
    for question, answer in turns:
        page.get_by_role("button", name="새 대화").click()
        suite.office.script = (Token(answer),)
        visitor.ask(page, question)
        expect(page.locator(".facts")).to_be_visible()
    return page


def change(page: Page, title: str) -> None:
    """Open the dialog of a room."""
    page.get_by_role("button", name=f"‘{title}’ 바꾸기").click()
    expect(page.locator("#room-name")).to_be_focused()


def test_a_room_is_renamed_and_has_its_first_question_back(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("여행 짐을 어떻게 싸?", "가볍게"))
    expect(page.locator("#title")).to_have_text("여행 짐을 어떻게 싸?")
    change(page, "여행 짐을 어떻게 싸?")
    page.keyboard.type("제주도")
    page.keyboard.press("Enter")
    expect(page.locator(".room-title")).to_have_text("제주도")
    expect(page.locator("#title")).to_have_text("제주도")
    expect(page.get_by_role("button", name="‘제주도’ 바꾸기")).to_be_focused()
    page.reload()
    expect(page.locator("#title")).to_have_text("제주도")
    change(page, "제주도")
    page.fill("#room-name", "취소할 이름")
    page.keyboard.press("Escape")
    expect(page.locator(".room-title")).to_have_text("제주도")
    change(page, "제주도")
    page.fill("#room-name", "  ")
    page.keyboard.press("Enter")
    expect(page.locator(".room-title")).to_have_text("여행 짐을 어떻게 싸?")


def test_a_pinned_room_stands_above_the_others(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("먼저", "1"), ("나중", "2"))
    expect(page.locator(".room-title")).to_have_text(["나중", "먼저"])
    change(page, "먼저")
    page.get_by_label("목록 맨 위에 고정").check()
    page.get_by_role("button", name="저장").click()
    expect(page.locator("#rooms li")).to_contain_text(["고정한 대화", "먼저", "오늘", "나중"])
    page.locator("#language").click()
    expect(page.locator(".day")).to_have_text(["Pinned", "Today"])
    page.get_by_role("button", name="Change “먼저”").click()
    page.get_by_label("Pin to the top of the list").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".room-title")).to_have_text(["나중", "먼저"])


@pytest.mark.everyday
def test_a_text_is_found_and_shown_in_its_room(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("점심 뭐 먹지?", "비빔밥"), ("보고서", "초안 <b>하나</b>"))
    suite.office.script = (Token("초안 둘: 매출 요약"),)
    page.get_by_role("button", name="다시 답하기").click()
    expect(page.locator(".swipe")).to_have_text("2/2")
    page.get_by_role("button", name="새 대화").click()
    find = page.get_by_label("대화 찾기")
    find.fill("초안")
    expect(page.locator(".room mark")).to_have_text(["초안", "초안"])
    expect(page.locator(".room .excerpt")).to_have_text(["초안 <b>하나</b>", "초안 둘: 매출 요약"])
    expect(page.locator("#status")).to_have_text("찾은 곳 2개")
    # The first answer stands on another path than the room's.
    page.locator(".room").first.click()
    expect(page.locator(".turn .answer")).to_have_text("초안 <b>하나</b>")
    expect(page.locator(".turn")).to_be_focused()
    expect(page.locator(".swipe")).to_have_text("1/2")
    find.fill("없는 말")
    expect(page.locator("#rooms-hint")).to_have_text("그런 글이 든 대화가 없습니다.")
    find.press("Escape")
    expect(page.locator(".room-title")).to_have_text(["보고서", "점심 뭐 먹지?"])
    expect(find).to_have_value("")
    find.fill("점심")
    expect(page.locator(".room mark")).to_have_text(["점심", "점심"])
    page.locator(".room").first.press("Enter")
    expect(page.locator(".turn .answer")).to_have_text("비빔밥")


def test_a_search_that_fails_says_so(real_visitor: Visitor, suite: RealSuite) -> None:
    page = talked(real_visitor, suite, ("질문", "답"))
    page.route(
        "**/rooms/search?*", lambda route: route.fulfill(status=503, json={"detail": "잠시 멈췄습니다."})
    )
    page.get_by_label("대화 찾기").fill("질문")
    expect(page.locator("#rooms-hint")).to_have_text("잠시 멈췄습니다.")
