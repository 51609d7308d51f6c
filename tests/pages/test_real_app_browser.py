"""The chat page against the suite's own HTTP side: gateway, routes, streams, errors; only the model plays."""

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Visitor
from tests.pages.real_suite import RealSuite

from chatbot.domain.errors import Overloaded
from chatbot.domain.messages import FinishReason, Token

pytestmark = [pytest.mark.browser, pytest.mark.everyday]


def rooms(page: Page) -> list[str]:
    """The titles in the list of rooms."""
    return page.locator(".room-title").all_inner_texts()


def test_a_conversation_from_the_first_question_to_its_deletion(
    real_visitor: Visitor, suite: RealSuite, tmp_path: Path
) -> None:
    page = real_visitor.open("/office/")
    page.get_by_label("웹 검색").check()
    real_visitor.ask(page, "표준어가 뭐야?")
    expect(page.locator(".state")).to_have_text("대기 2번째 · 약 3초")
    expect(page.locator(".answer")).to_have_text("안녕하세요 [1]")
    expect(page.locator(".sources a")).to_have_text("국어원")
    expect(page.locator(".facts")).to_contain_text("fake-model")
    expect(page.locator("#model option")).to_have_text(["Llama"])
    real_visitor.ask(page, "고마워")
    expect(page.locator(".facts")).to_have_count(2)
    assert rooms(page) == ["표준어가 뭐야?"]
    page.reload()
    expect(page.locator(".turn .question")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="모든 대화 내려받기").click()
    download.value.save_as(tmp_path / "rooms.json")
    exported = json.loads((tmp_path / "rooms.json").read_text(encoding="utf-8"))
    assert [turn["input_data"] for turn in exported["rooms"][0]["turns"]] == ["표준어가 뭐야?", "고마워"]
    page.get_by_role("button", name="‘표준어가 뭐야?’ 바꾸기").click()
    page.get_by_role("button", name="이 대화 삭제").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#rooms-hint")).to_be_visible()
    expect(page.locator("#rooms-hint")).to_have_text("아직 저장된 대화가 없습니다.")
    assert suite.history.turns == []


def test_stop_ends_the_generation_and_keeps_what_was_written(real_visitor: Visitor, suite: RealSuite) -> None:
    suite.office.script = (Token("시작"), 30.0, Token("끝"))
    page = real_visitor.open("/office/")
    real_visitor.ask(page, "긴 이야기")
    expect(page.locator(".answer")).to_have_text("시작")
    page.get_by_role("button", name="멈추기").click()
    deadline = time.monotonic() + 3  # the browser's share of the second on a busy machine
    while not suite.office.stopped.is_set() and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert suite.office.stopped.is_set()
    assert suite.office.places[0].released
    expect(page.locator(".remark")).to_have_text("여기서 멈춘 답변입니다.")
    assert [(turn.answer, turn.reason) for turn in suite.history.turns] == [("시작", FinishReason.STOPPED)]


def test_a_full_queue_is_waited_out(real_visitor: Visitor, suite: RealSuite) -> None:
    suite.office.refusal = Overloaded(40, 12, "queue")
    page = real_visitor.open_with_stopped_clock("/office/")
    real_visitor.ask(page, "바쁜가요?")
    expect(page.locator(".state")).to_contain_text(
        "지금은 대기열이 가득 찼습니다. 40초 뒤에 다시 시도해 주세요."
    )
    expect(page.locator(".left")).to_have_text("40초 뒤에 저절로 다시 보냅니다.")
    suite.office.refusal = None
    page.clock.run_for(40_100)
    expect(page.locator(".answer")).to_have_text("안녕하세요 [1]")


def test_a_character_answers_in_its_scene(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/character/")
    real_visitor.ask(page, "*손을 흔든다.*")
    expect(page.locator(".turn .answer em")).to_have_text("웃는다.")
    conversation = suite.character.conversations[0]
    assert conversation.opening is not None
    assert conversation.opening.startswith("*레이철이 책에서")
    assert "스물아홉" in conversation.system_text


def test_the_documentation_describes_the_real_routes_without_any_foreign_address(
    real_visitor: Visitor,
) -> None:
    page = real_visitor.open("/office/docs")
    expect(page.locator(".opblock-summary-path", has_text=re.compile("Llama")).first).to_be_visible()
    page = real_visitor.open("/character/redoc")
    expect(page.locator("redoc h1").first).to_contain_text("chatbot character")
    page.get_by_placeholder("Search").fill("performance")
    expect(page.get_by_role("search")).to_contain_text("Statistics of this service")
