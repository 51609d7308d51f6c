"""The chat page when something goes wrong: refusals, errors, broken and silent connections."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.sync_api import expect
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import FakeService, Gate, frame, refuse, stream, text_answer

pytestmark = pytest.mark.browser

ROOM = "123e4567-e89b-12d3-a456-426614174000"


def test_a_refusal_is_counted_down_and_tried_again(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    detail = "지금은 대기열이 가득 찼습니다."
    body = {"detail": detail, "retry_after": 32, "queue_size": 9}
    office.answers = [
        refuse(429, body, {"Retry-After": "32"}),
        refuse(429, {**body, "retry_after": 5}),
        text_answer("이제 됩니다"),
    ]
    page = visitor.open_with_stopped_clock("/office/")
    visitor.ask(page, "바쁜가요?")
    expect(page.locator(".state")).to_contain_text(detail)
    expect(page.locator(".left")).to_have_text("32초 뒤에 저절로 다시 보냅니다.")
    page.clock.run_for(31_500)
    expect(page.locator(".left")).to_have_text("1초 뒤에 저절로 다시 보냅니다.")
    assert len(office.asked) == 1
    page.clock.run_for(600)
    expect(page.locator(".left")).to_have_text("5초 뒤에 저절로 다시 보냅니다.")
    page.get_by_role("button", name="지금 다시").click()
    expect(page.locator(".answer")).to_have_text("이제 됩니다")
    expect(page.locator(".turn")).to_have_count(1)
    assert [asked["input_data"] for asked in office.asked] == ["바쁜가요?"] * 3


def test_trying_again_ends_after_five_times_or_by_the_button(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.answers = [refuse(429, {"detail": "가득", "retry_after": 7, "queue_size": 9})]
    page = visitor.open_with_stopped_clock("/office/")
    visitor.ask(page, "바쁜가요?")
    page.get_by_role("button", name="그만두기").click()
    expect(page.locator(".remark")).to_have_text("다시 보내기를 그만뒀습니다.")
    page.clock.run_for(10_000)
    assert len(office.asked) == 1
    page.get_by_role("button", name="다시 보내기").click()
    for tries in range(2, 7):
        expect(page.locator(".left")).to_have_text("7초 뒤에 저절로 다시 보냅니다.")
        assert len(office.asked) == tries
        page.clock.run_for(7_100)
    expect(page.locator(".failed .remark")).to_have_text("가득")
    assert len(office.asked) == 7
    office.answers = [text_answer("됩니다")]
    page.get_by_role("button", name="다시 보내기").click()
    expect(page.locator(".answer")).to_have_text("됩니다")
    expect(page.locator(".turn")).to_have_count(1)


def test_errors_show_their_detail(visitor: Visitor, served: Served) -> None:
    invalid = {"loc": ["body", "input_data"], "msg": "너무 깁니다.", "type": "string_too_long"}
    cases: list[tuple[int, dict[str, Any], str]] = [
        (500, {"detail": "서버 오류입니다."}, "서버 오류입니다."),
        (422, {"detail": [invalid]}, "input_data: 너무 깁니다."),
        (502, {}, "오류 502"),
    ]
    served.suite.office.answers = [refuse(status, body) for status, body, _ in cases]
    page = visitor.open("/office/")
    for number, (status, _, shown) in enumerate(cases):
        visitor.ask(page, str(status))
        expect(page.locator(".failed .remark").nth(number)).to_have_text(shown)


@pytest.mark.everyday
def test_an_error_event_and_a_broken_stream_keep_what_was_written(visitor: Visitor, served: Served) -> None:
    async def late(_: dict[str, Any]) -> AsyncIterator[bytes]:
        yield frame("token", {"text": "여기까지"})
        yield frame("error", {"status": 504, "detail": "시간이 지났습니다.", "retry_after": None})

    async def broken(_: dict[str, Any]) -> AsyncIterator[bytes]:
        yield frame("token", {"text": "반쪽"})

    served.suite.office.answers = [stream(late), stream(broken)]
    page = visitor.open("/office/")
    visitor.ask(page, "하나")
    expect(page.locator(".failed .remark")).to_have_text("시간이 지났습니다.")
    visitor.ask(page, "둘")
    expect(page.locator(".failed .remark").nth(1)).to_have_text("연결이 끊겼습니다.")
    expect(page.locator(".answer")).to_have_text(["여기까지", "반쪽"])


def test_an_answer_that_the_server_finishes_alone_is_fetched(visitor: Visitor, served: Served) -> None:
    async def cut(service: FakeService, _: Request, body: dict[str, Any]) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield frame("token", {"text": "반쪽"})
            service.store(ROOM, body["input_data"], "서버가 완성한 답변")

        return StreamingResponse(chunks(), media_type="text/event-stream", headers={"X-Db-Id": ROOM})

    office = served.suite.office
    office.answers = [cut]
    page = visitor.open_with_stopped_clock("/office/")
    page.click("#open-settings")
    page.get_by_label("화면이 꺼져도 답변 완성").check()
    page.click("#settings-save")
    visitor.ask(page, "화면이 꺼집니다")
    expect(page.locator(".state")).to_contain_text("서버가 완성한 답변을 기다립니다")
    page.clock.run_for(1_100)
    visitor.expect_drawn(page, ".answer", "서버가 완성한 답변")
    assert office.headers[0]["x-finish"] == "1"


def test_a_connection_that_falls_silent_is_given_up(visitor: Visitor, served: Served) -> None:
    alive = Gate()

    async def silent(_: dict[str, Any]) -> AsyncIterator[bytes]:
        yield frame("token", {"text": "반쪽"})
        await alive.passed()
        yield b": keep-alive\n\n"
        await asyncio.sleep(30)

    served.suite.office.answers = [stream(silent)]
    page = visitor.open_with_stopped_clock("/office/")
    visitor.ask(page, "들려?")
    visitor.expect_drawn(page, ".answer", "반쪽")
    page.clock.run_for(55_000)
    alive.open()
    page.wait_for_timeout(300)
    page.clock.run_for(55_000)
    expect(page.locator("#stop")).to_be_visible()
    page.clock.run_for(6_000)
    expect(page.locator(".failed .remark")).to_have_text("연결이 끊겼습니다.")


def test_what_was_too_long_to_be_read_is_said_under_the_answer(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    report = {"tokens": {}, "kept_turns": [13], "cut_turns": list(range(1, 13)), "left_out": ["context"]}
    office.answers = [text_answer("답", prompt_report=report), text_answer("답", prompt_report=None)]
    page = visitor.open("/office/")
    visitor.ask(page, "긴 대화")
    said = [
        "길이가 넘쳐 앞선 대화 12개는 읽지 않고 쓴 답변입니다.",
        "길이가 넘쳐 캐릭터 정보 1가지는 줄이거나 읽지 않고 쓴 답변입니다.",
    ]
    expect(page.locator(".remark")).to_have_text(said)
    assert office.headers[0]["x-prompt-report"] == "1"
    visitor.ask(page, "짧은 대화")
    expect(page.locator(".remark")).to_have_text(said)
