"""Facts that are pinned on the page: they reach the model, are there on other devices, and are not lost."""

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.pages.conftest import Visitor, hold
from tests.pages.real_suite import RealSuite
from tests.pages.turns import expect_done

from chatbot.domain.messages import Prompted, PromptReport, Token

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEAR = "민준은 배를 싫어한다."


def answered(visitor: Visitor, page: Page, question: str) -> None:
    """Ask, and wait until the answer is stored."""
    before = page.locator(".facts").count()
    visitor.ask(page, question)
    expect(page.locator(".facts")).to_have_count(before + 1)
    expect_done(page)


def opener(page: Page) -> Locator:
    return page.locator("#edit-facts")


def open_facts(page: Page) -> Locator:
    """The rows of the open form."""
    opener(page).click()
    expect(page.locator("#facts textarea").last).to_be_focused()
    return page.locator("#facts textarea")


def save(page: Page) -> None:
    page.locator("#facts").get_by_role("button", name="저장").click()


def pinned(suite: RealSuite) -> list[str]:
    """The quoted lines of the facts that the model was shown last."""
    part = suite.office.conversations[-1].facts
    return [] if part is None else [line for line in part.text.split("\n") if line.startswith("> ")]


def test_what_is_pinned_enters_every_prompt_and_is_there_on_another_device(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    expect(opener(page)).to_be_hidden()
    answered(real_visitor, page, "하나")
    expect(page.get_by_role("button", name="고정한 사실", exact=True)).to_be_visible()
    rows = open_facts(page)
    rows.last.fill(PEAR)
    page.get_by_role("button", name="사실 더하기").click()
    rows.last.fill("여행은 5월이다.")
    expect(page.locator("#facts .pinned-foot")).to_contain_text("모두 21/2,000자")
    save(page)
    expect(page.get_by_role("button", name="고정한 사실 (2개)")).to_be_visible()
    report = PromptReport({"facts": 31, "question": 3})
    suite.office.script = (Prompted(report), Token("네"))
    answered(real_visitor, page, "둘")
    assert pinned(suite) == [f"> {PEAR}", "> 여행은 5월이다."]
    open_facts(page)
    expect(page.locator("#facts .lead")).to_contain_text("지난 답변에서는 31토큰")
    page.keyboard.press("Escape")
    other = real_visitor.open(f"/office/#{suite.history.turns[0].room.db_id}")
    expect(other.get_by_role("button", name="고정한 사실 (2개)")).to_be_visible()
    rows = open_facts(other)
    expect(other.locator("#facts .lead")).not_to_contain_text("토큰")
    rows.first.fill("민준은 배를 좋아한다.")
    other.get_by_role("button", name="이 사실 빼기").nth(1).click()
    expect(rows).to_have_count(2)
    save(other)
    expect(other.get_by_role("button", name="고정한 사실 (1개)")).to_be_visible()
    # The first page shows what is there now, and another room has nothing of it.
    open_facts(page)
    expect(page.locator("#facts textarea").first).to_have_value("민준은 배를 좋아한다.")
    page.keyboard.press("Escape")
    page.click("#new-room")
    expect(opener(page)).to_be_hidden()
    answered(real_visitor, page, "셋")
    assert pinned(suite) == []
    expect(page.get_by_role("button", name="고정한 사실", exact=True)).to_be_visible()


def test_what_is_selected_of_an_answer_becomes_a_fact(real_visitor: Visitor, suite: RealSuite) -> None:
    suite.office.script = (Token("여행은 5월 3일에 떠납니다."),)
    page = real_visitor.open("/office/")
    answered(real_visitor, page, "언제 떠나?")
    pin = page.get_by_role("button", name="고른 글을 사실로 고정")
    page.evaluate(
        """() => {
          const text = document.querySelector(".turn .answer p").firstChild;
          getSelection().setBaseAndExtent(text, 0, text, 10);
        }"""
    )
    pin.click()
    expect(page.locator("#facts textarea")).to_have_value("여행은 5월 3일에")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm-text")).to_have_text("저장하지 않은 내용을 버릴까요?")
    page.click("#confirm-no")
    save(page)
    expect(page.locator("#facts")).to_be_hidden()
    answered(real_visitor, page, "다음")
    assert pinned(suite) == ["> 여행은 5월 3일에"]
    # By the keyboard, and with nothing selected: an empty one to be written.
    page.evaluate("getSelection().removeAllRanges()")
    pin.last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#facts textarea").last).to_be_focused()
    expect(page.locator("#facts textarea").last).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator("#facts")).to_be_hidden()


def test_what_is_too_long_is_not_saved_and_a_refusal_is_told(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, "하나")
    rows = open_facts(page)
    rows.last.fill("가" * 301)
    save(page)
    expect(page.locator("#facts .count.over").first).to_have_text("301/300")
    expect(rows.last).to_be_focused()
    for _ in range(7):
        rows.last.fill("가" * 290)
        page.get_by_role("button", name="사실 더하기").click()
    save(page)
    expect(page.locator("#facts .pinned-foot .over")).to_contain_text("2,030/2,000")
    expect(page.locator("#facts")).to_be_visible()
    page.get_by_role("button", name="이 사실 빼기").first.click()
    page.route("**/rooms/*", lambda route: route.fulfill(status=503, json={"detail": "지금은 안 됩니다."}))
    save(page)
    expect(page.locator("#facts .problem")).to_have_text("지금은 안 됩니다.")
    page.unroute("**/rooms/*")
    save(page)
    expect(page.get_by_role("button", name="고정한 사실 (6개)")).to_be_visible()


def test_facts_are_written_in_english_on_a_phone(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    page.set_viewport_size({"width": 360, "height": 740})
    page.click("#language")
    answered(real_visitor, page, "One")
    page.get_by_role("button", name="Pinned facts").click()
    page.locator("#facts textarea").fill("Minjun dislikes pears.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#facts").get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Pinned facts (1)")).to_be_visible()
    wide, room = page.locator(".composer-row").evaluate("(row) => [row.scrollWidth, row.clientWidth]")
    assert wide <= room, "everything beside the question stands on one line"


def test_a_save_that_was_left_does_not_close_the_next_form(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, "하나")
    open_facts(page).last.fill(PEAR)
    held = hold(page, "**/rooms/*", "PATCH")
    save(page)
    expect(page.locator("#facts").get_by_role("button", name="저장")).to_be_disabled()
    page.locator("#facts").get_by_role("button", name="취소").click()
    page.get_by_role("button", name="버리기").click()
    expect(page.locator("#facts")).to_be_hidden()
    rows = open_facts(page)
    rows.last.fill("여행은 5월이다.")
    held.pop().continue_()
    expect(page.locator("#edit-facts")).to_have_attribute("title", "고정한 사실 (1개)")
    # What was saved is known; the form is looked at when that has had its effect.
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.locator("#facts")).to_be_visible()
    expect(rows.last).to_have_value("여행은 5월이다.")
    expect(page.locator("#facts").get_by_role("button", name="저장")).to_be_enabled()


def test_a_form_is_not_replaced_by_the_reply_to_a_press_before(real_visitor: Visitor) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, "하나")
    held = hold(page, "**/rooms/*&limit=1")
    for count in (1, 2):
        with page.expect_request("**/rooms/*&limit=1"):
            opener(page).click()
        assert len(held) == count
    held[1].continue_()
    rows = page.locator("#facts textarea")
    rows.last.fill(PEAR)
    with page.expect_response("**/rooms/*&limit=1") as reply:
        held[0].continue_()
    reply.value.finished()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(rows.last).to_have_value(PEAR)


def test_another_user_sees_nothing_of_the_former_ones_facts(real_visitor: Visitor) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, "하나")
    open_facts(page).last.fill(PEAR)
    real_visitor.change_user(real_visitor.open("/office/"), "somebody-else")
    expect(page.locator("#facts")).to_be_hidden()
    expect(page.locator("#facts textarea")).to_have_count(0)
