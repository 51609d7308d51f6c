"""The chat page as people use it, in headless Chromium against a service that does what a test tells it."""

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import Gate, done, endless, frame, refuse, stream, text_answer

pytestmark = pytest.mark.browser

ROOM = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.everyday
def test_an_answer_streams_and_its_room_appears(visitor: Visitor, served: Served) -> None:
    office = served.suite.office

    async def in_single_bytes(_: dict[str, Any]) -> AsyncIterator[bytes]:
        for byte in (
            b": hello\n\n" + frame("token", {"text": "안녕"}) + frame("token", {"text": "하세요 🙂"}) + done()
        ):
            yield bytes([byte])

    office.answers = [stream(in_single_bytes, ROOM)]
    page = visitor.open("/office/")
    visitor.ask(page, "  인사해 줘\n")
    expect(page.locator(".turn .answer")).to_have_text("안녕하세요 🙂")
    expect(page.locator(".facts")).to_have_text("Bllossom-8B · 1.1초 · 48토큰 · 초당 50토큰")
    expect(page.locator("#announcer")).to_have_text("안녕하세요 🙂")
    expect(page.locator("#notice")).to_contain_text("AI가 생성한 답변입니다")
    expect(page.locator(".room[aria-current] .room-title")).to_have_text("인사해 줘")
    assert page.url.endswith(f"#{ROOM}")
    user = page.evaluate("localStorage.getItem('chatbot.user_id')")
    assert re.fullmatch(r"web-[0-9a-f]{20}", user)
    asked = {
        "alias": "Llama",
        "input_data": "인사해 줘",
        "google_access": False,
        "user_id": user,
        "db_id": None,
    }
    assert office.asked == [asked]
    assert office.headers[0]["accept"] == "text/event-stream"
    assert office.headers[0]["accept-language"] == "ko"
    assert office.headers[0]["x-affinity"] == user
    assert "authorization" not in office.headers[0]
    assert "x-finish" not in office.headers[0]
    assert office.headers[0]["x-keep"] == "partial"

    visitor.ask(page, "한 번 더")
    expect(page.locator(".facts")).to_have_count(2)
    assert office.asked[1]["db_id"] == ROOM

    page.reload()
    expect(page.locator(".turn .question")).to_have_count(2)
    assert page.evaluate("localStorage.getItem('chatbot.user_id')") == user


def test_the_wait_in_the_queue_is_shown(visitor: Visitor, served: Served) -> None:
    moved, started = Gate(), Gate()

    async def queued(_: dict[str, Any]) -> AsyncIterator[bytes]:
        yield frame("queue", {"position": 3, "eta_s": 12.2})
        await moved.passed()
        yield frame("queue", {"position": 1, "eta_s": 2})
        await started.passed()
        yield frame("token", {"text": "답"}) + done()

    served.suite.office.answers = [stream(queued)]
    page = visitor.open_with_stopped_clock("/office/")
    visitor.ask(page, "기다림")
    expect(page.locator(".state")).to_have_text("대기 3번째 · 약 13초")
    page.clock.run_for(5000)
    expect(page.locator(".state")).to_have_text("대기 3번째 · 약 8초")
    page.clock.run_for(30_000)
    expect(page.locator(".state")).to_have_text("대기 3번째 · 약 1초")
    moved.open()
    expect(page.locator(".state")).to_have_text("다음 차례입니다 · 약 2초")
    expect(page.locator("#status")).to_have_text("다음 차례입니다 · 약 2초")
    started.open()
    expect(page.locator(".answer")).to_have_text("답")
    expect(page.locator(".state")).to_be_hidden()


def test_stop_closes_the_connection_and_says_when_nothing_is_stored(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.answers = [stream(endless)]
    page = visitor.open("/office/")
    visitor.ask(page, "긴 이야기")
    expect(page.locator(".answer")).to_have_text("시작했지만")
    expect(page.get_by_role("button", name="다시 보내기")).to_be_hidden()
    page.fill("#question", "아직 못 보냄")
    page.press("#question", "Enter")
    assert len(office.asked) == 1, "one question at a time"
    page.get_by_role("button", name="멈추기").click()
    expect(page.locator(".remark")).to_have_text("멈췄습니다. 이 답변은 저장되지 않았습니다.")
    expect(page.locator(".answer")).to_have_text("시작했지만")
    expect(page.locator("#send")).to_be_visible()
    deadline = time.monotonic() + 3  # the browser's share of the second on a busy machine
    while office.left == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert office.left == 1


def test_sources_are_text_links_to_web_addresses_only(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    sources = [
        {"title": "<b>국어원</b>", "url": "https://www.korean.go.kr/a?b=1"},
        {"title": "나쁜 것", "url": "javascript:alert(1)"},
        {"title": "", "url": "http://xn--hj2b23zv5e.example/"},
        {"title": "깨진 것", "url": "::"},
    ]
    office.answers = [
        text_answer("[1]에 따르면", search_status="ok", sources=sources),
        text_answer("모름", search_status="timeout"),
    ]
    page = visitor.open("/office/")
    page.get_by_label("웹 검색").check()
    visitor.ask(page, "찾아 줘")
    links = page.locator(".sources a")
    expect(links).to_have_text(["<b>국어원</b>", "xn--hj2b23zv5e.example"])
    assert links.first.get_attribute("href") == "https://www.korean.go.kr/a?b=1"
    assert links.first.get_attribute("rel") == "noopener noreferrer nofollow"
    assert office.asked[0]["google_access"] is True
    visitor.ask(page, "또 찾아 줘")
    expect(page.locator(".remark")).to_have_text("검색이 오래 걸려 웹 검색 없이 답했습니다.")


@pytest.mark.everyday
def test_nothing_a_model_or_a_room_says_becomes_markup(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    hostile = '<img src="https://evil.example/x"><script>alert(1)</script> ![](https://evil.example/y.png)'
    office.store(ROOM, hostile, hostile)
    office.answers = [text_answer(hostile), refuse(400, {"detail": hostile})]
    page = visitor.open(f"/office/#{ROOM}")
    visitor.ask(page, hostile)
    expect(page.locator(".answer")).to_have_text([hostile, hostile])
    visitor.ask(page, "오류")
    expect(page.locator(".failed .remark")).to_have_text(hostile)
    expect(page.locator(".room-title").first).to_have_text(hostile[:60])
    assert page.locator("#turns img, #turns script, #rooms img, #title *").count() == 0
    blocked = page.evaluate(
        """() => { try { document.body.innerHTML = "x"; return "set"; } catch (e) { return e.name; } }"""
    )
    assert blocked == "TypeError"
    # The browser reports the attempt above, which proves that it watches.
    assert any("TrustedHTML" in problem for problem in visitor.problems)
    visitor.problems.clear()


def test_models_are_offered_and_the_choice_is_kept(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.models = [{"id": "gpt4.1", "owned_by": "gpt-4.1"}, {"id": "Llama", "owned_by": "Bllossom-8B"}]
    office.answers = [text_answer("네")]
    page = visitor.open("/office/")
    expect(page.locator("#model option")).to_have_text(["Llama", "gpt4.1"])
    assert page.locator("#model").input_value() == "Llama"
    page.select_option("#model", "gpt4.1")
    visitor.ask(page, "질문")
    expect(page.locator(".facts")).to_be_visible()
    assert office.asked[0]["alias"] == "gpt4.1"
    page.reload()
    expect(page.locator("#model option")).to_have_count(2)
    assert page.locator("#model").input_value() == "gpt4.1"
    # What cannot be used says why, in the page's language, and is not chosen any more.
    office.unusable = [{**office.models.pop(0), "reason": "no_key"}]
    page.reload()
    options = page.locator("#model option")
    expect(options).to_have_text(["Llama", "gpt4.1 (서버에 키가 없음)"])
    expect(options.last).to_be_disabled()
    assert page.locator("#model").input_value() == "Llama"
    page.get_by_role("button", name="Switch to English").click()
    expect(options.last).to_have_text("gpt4.1 (no key on the server)")


def test_an_answer_is_formatted_while_it_comes_and_its_question_names_the_page(
    visitor: Visitor, served: Served
) -> None:
    more = Gate()

    async def listing(_: dict[str, Any]) -> AsyncIterator[bytes]:
        yield frame("token", {"text": "- **하나**\n- 둘\n\n```js\nlet a"})
        await more.passed()
        yield frame("token", {"text": " = 1;\n```"}) + done()

    served.suite.office.answers = [stream(listing)]
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("/office/")
    visitor.ask(page, "목록을 줘")
    expect(page.locator(".answer li")).to_have_text(["하나", "둘"])
    expect(page.locator(".answer li strong")).to_have_text("하나")
    expect(page.locator(".answer pre")).to_have_text("let a")
    expect(page.locator("#title")).to_have_text("목록을 줘")
    more.open()
    expect(page.locator(".answer pre")).to_have_text("let a = 1;")
    page.get_by_role("button", name="코드 복사").click()
    expect(page.locator("#toast")).to_have_text("복사했습니다.")
    assert page.evaluate("navigator.clipboard.readText()") == "let a = 1;"
