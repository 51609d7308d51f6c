"""Rooms of the chat page: opened, listed, deleted and saved, in headless Chromium."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.pages.conftest import Served, Visitor, hold
from tests.pages.fake_service import Gate, done, frame, stream, text_answer

pytestmark = pytest.mark.browser
ROOM = "123e4567-e89b-12d3-a456-426614174000"
OTHER_ROOM = "123e4567-e89b-12d3-a456-426614174001"


def test_rooms_are_opened_page_by_page_deleted_and_exported(
    visitor: Visitor, served: Served, tmp_path: Path
) -> None:
    office = served.suite.office
    office.page_size = 2
    for number in range(1, 6):
        office.store(ROOM, f"질문 {number}", f"답변 {number}")
    office.store(OTHER_ROOM, "다른 방", "네")
    page = visitor.open("/office/")
    expect(page.locator(".room small").first).to_contain_text("질문 5개")
    page.locator(".room").first.click()
    expect(page.locator(".turn .answer")).to_have_text([f"답변 {number}" for number in range(1, 6)])
    expect(page.locator("#title")).to_have_text("질문 1")

    with page.expect_download() as download:
        page.get_by_role("button", name="모든 대화 내려받기").click()
    assert re.fullmatch(r"office-rooms-\d{8}\.json", download.value.suggested_filename)
    download.value.save_as(tmp_path / "export.json")
    exported = json.loads((tmp_path / "export.json").read_text(encoding="utf-8"))
    assert [room["db_id"] for room in exported["rooms"]] == [ROOM, OTHER_ROOM]

    page.get_by_role("button", name="‘질문 1’ 바꾸기").click()
    remove = page.get_by_role("button", name="이 대화 삭제")
    remove.click()
    page.locator("#confirm").get_by_role("button", name="취소").click()
    assert ROOM in office.rooms
    remove.click()
    page.keyboard.press("Escape")
    assert ROOM in office.rooms
    remove.click()
    page.locator("#confirm-yes").click()
    expect(page.locator(".room-title")).to_have_text(["다른 방"])
    expect(page.locator(".turn")).to_have_count(0)
    assert list(office.rooms) == [OTHER_ROOM]
    assert "#" not in page.url

    page.click("#open-settings")
    page.click("#delete-all")
    page.locator("#confirm-yes").click()
    expect(page.locator("#rooms-hint")).to_be_visible()
    expect(page.locator("#rooms-hint")).to_have_text("아직 저장된 대화가 없습니다.")
    assert office.rooms == {}


def test_a_question_waits_for_its_room_and_a_room_that_opens_late_takes_nothing_over(
    visitor: Visitor, served: Served
) -> None:
    office = served.suite.office
    office.store(ROOM, "오래된 질문", "오래된 답변")
    office.answers = [text_answer("새 답변")]
    page = visitor.open("/office/")
    held = hold(page, f"**/rooms/{ROOM}?*")
    page.locator(".room").click()
    page.fill("#question", "새 질문")
    expect(page.locator("#send")).to_be_disabled()
    page.click("#new-room")
    visitor.ask(page, "새 질문")
    expect(page.locator(".turn .answer")).to_have_text(["새 답변"])
    with page.expect_response(f"**/rooms/{ROOM}?*"):
        held.pop().continue_()
    page.get_by_role("button", name="‘오래된 질문’ 바꾸기").click()
    page.keyboard.press("Escape")
    expect(page.locator(".turn .answer")).to_have_text(["새 답변"])


def test_a_room_that_cannot_be_opened_leaves_the_one_on_the_page_in_use(
    visitor: Visitor, served: Served
) -> None:
    gate = Gate()

    async def answer(_: dict[str, Any]) -> AsyncIterator[bytes]:
        yield frame("token", {"text": "답변"})
        await gate.passed()
        yield done()

    office = served.suite.office
    office.store(OTHER_ROOM, "다른 방", "네")
    office.answers = [stream(answer)]
    page = visitor.open("/office/")
    visitor.ask(page, "질문")
    expect(page.locator(".turn .answer")).to_have_text("답변")
    held = hold(page, f"**/rooms/{OTHER_ROOM}?*")
    page.locator(".room", has_text="다른 방").click()
    gate.open()
    expect(page.locator(".facts")).to_have_count(1)
    again = page.get_by_role("button", name="다시 답하기")
    expect(again).to_be_disabled()
    held.pop().fulfill(status=503, json={"detail": "저장소가 없습니다."})
    expect(page.locator("#toast")).to_have_text("저장소가 없습니다.")
    expect(again).to_be_enabled()


def test_a_room_that_cannot_be_deleted_stays_on_the_page(visitor: Visitor, served: Served) -> None:
    served.suite.office.store(ROOM, "질문", "답변")
    page = visitor.open(f"/office/#{ROOM}")
    page.route(
        f"**/rooms/{ROOM}?*",
        lambda route: (
            route.fulfill(status=503, json={"detail": "저장소가 없습니다."})
            if route.request.method == "DELETE"
            else route.fallback()
        ),
    )
    page.get_by_role("button", name="‘질문’ 바꾸기").click()
    page.get_by_role("button", name="이 대화 삭제").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#toast")).to_have_text("저장소가 없습니다.")
    expect(page.locator(".turn .answer")).to_have_text(["답변"])
    assert page.url.endswith(ROOM)


def test_another_user_finds_nothing_of_a_rooms_dialogs(visitor: Visitor, served: Served) -> None:
    served.suite.office.store(ROOM, "비밀", "답")
    page = visitor.open("/office/")
    other = visitor.open("/office/")
    page.get_by_role("button", name="‘비밀’ 바꾸기").click()
    page.get_by_role("button", name="이 대화 삭제").click()
    expect(page.locator("#confirm")).to_contain_text("비밀")
    page.locator("#confirm-no").click()
    visitor.change_user(other, "second")
    expect(page.locator("#room")).to_be_hidden()
    expect(page.locator("#room-name")).to_have_value("")
    expect(page.locator("#confirm-text")).to_have_text("")
    page.get_by_role("button", name="‘비밀’ 바꾸기").click()
    page.get_by_role("button", name="이 대화 삭제").click()
    visitor.change_user(other, "third")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert served.suite.office.rooms


def test_many_rooms_stand_under_their_days(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    now = datetime.now(UTC).astimezone()
    ages = (0, 0, 1, 3, 7, 40, 40, 400)
    for number, days in enumerate(ages):
        office.store(f"00000000-0000-4000-8000-{number:012}", f"Report {number}", "네")
        office.rooms[f"00000000-0000-4000-8000-{number:012}"][0]["created_at"] = (
            now - timedelta(days=days)
        ).isoformat()
    page = visitor.open("/office/")
    expect(page.locator(".room")).to_have_count(len(ages))
    months = [f"{moment.year}년 {moment.month}월" for moment in (now - timedelta(days=d) for d in (40, 400))]
    expect(page.locator(".day")).to_have_text(["오늘", "어제", "지난 7일", *months])


def test_one_conversation_is_saved_as_a_text_to_read(
    visitor: Visitor, served: Served, tmp_path: Path
) -> None:
    office = served.suite.office
    office.store(ROOM, "질문 하나", "답변 **하나**")
    office.store(ROOM, "질문 둘", "답변 둘")
    office.store(OTHER_ROOM, "다른 방", "네")
    page = visitor.open("/office/")
    button = page.get_by_role("button", name="이 대화 내려받기")
    expect(button).to_be_hidden()
    page.locator(".room").first.click()
    with page.expect_download() as download:
        button.click()
    assert re.fullmatch(r"office-123e4567-\d{8}\.md", download.value.suggested_filename)
    download.value.save_as(tmp_path / "room.md")
    text = (tmp_path / "room.md").read_text(encoding="utf-8")
    assert text.startswith("# 질문 하나\n\n**나**: 질문 하나\n\n**도우미**: 답변 **하나**\n\n**나**: 질문 둘")
    assert "AI가 생성한 답변입니다" in text
    assert "다른 방" not in text


def test_a_file_is_named_by_the_day_where_the_user_is(browser: Browser, served: Served) -> None:
    served.suite.office.store(ROOM, "질문", "답변")
    context = browser.new_context(locale="ko-KR", timezone_id="Asia/Seoul", accept_downloads=True)
    context.clock.set_fixed_time(datetime(2026, 11, 24, 20, tzinfo=UTC))
    visitor = Visitor(context, served.address)
    page = visitor.open(f"/office/#{ROOM}")
    with page.expect_download() as download:
        page.get_by_role("button", name="이 대화 내려받기").click()
    assert download.value.suggested_filename == "office-123e4567-20261125.md"
    assert visitor.problems == []
    context.close()
