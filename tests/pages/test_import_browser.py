"""Chats of SillyTavern and Open WebUI become rooms: as they were, once, a file whole or not at all."""

import json
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect
from tests.pages.conftest import Visitor
from tests.pages.real_suite import RealSuite

pytestmark = pytest.mark.browser

TAVERN = [
    {
        "user_name": "나",
        "character_name": "레이철",
        "create_date": "2024-3-12 @10h 11m 12s 1ms",
        "chat_metadata": {},
    },
    {"name": "레이철", "is_user": False, "mes": "어서 오세요.", "send_date": "March 12, 2024 10:11am"},
    {"name": "나", "is_user": True, "mes": "지도가 있나요?", "send_date": "March 12, 2024 10:12am"},
    {
        "name": "레이철",
        "is_user": False,
        "mes": "**네**, 있어요.",
        "swipes": ["아니요.", "**네**, 있어요."],
        "swipe_id": 1,
        "send_date": "2024-03-12T10:13:00.000Z",
    },
    {"name": "레이철", "is_user": False, "is_system": True, "mes": "숨긴 말"},
    {"name": "나", "is_user": True, "mes": "하나,"},
    {"name": "나", "is_user": True, "mes": "둘"},
    {"name": "레이철", "is_user": False, "mes": "셋 \ud800"},
    {"name": "나", "is_user": True, "mes": "아직 답이 없는 말"},
]


def tavern(*lines: Any, name: str = "레이철.jsonl") -> FilePayload:
    """A chat of SillyTavern's."""
    text = "\n".join(json.dumps(line) for line in lines or TAVERN) + "\n"
    return {"name": name, "mimeType": "application/json", "buffer": text.encode()}


def message(id_: str, parent: str | None, role: str, content: str) -> dict[str, Any]:
    return {
        "id": id_,
        "parentId": parent,
        "role": role,
        "content": content,
        "timestamp": 1710000000,
        "model": "llama3",
    }


def web_ui(title: str = "여행", *messages: dict[str, Any], current: str = "a3") -> dict[str, Any]:
    """A chat of Open WebUI's; without messages one with a branch."""
    messages = messages or (
        message("u1", None, "user", "어디로 갈까?"),
        message("a1", "u1", "assistant", "산으로요."),
        message("u2", "a1", "user", "산은 싫어"),
        message("a2", "u2", "assistant", "그럼 바다로요."),
        message("b1", "u1", "assistant", "바다로요."),
        message("u3", "b1", "user", "무엇을 먹을까?"),
        message("a3", "u3", "assistant", "회를 드세요."),
    )
    history = {"currentId": current, "messages": {each["id"]: each for each in messages}}
    return {"id": title, "title": title, "chat": {"title": title, "history": history}}


def exported(*chats: Any, name: str = "chat-export.json") -> FilePayload:
    return {"name": name, "mimeType": "application/json", "buffer": json.dumps(chats, indent=1).encode()}


def bring(page: Page, *files: FilePayload) -> None:
    """Import these files."""
    if not page.locator("#import").is_visible():
        page.get_by_role("button", name="대화 가져오기").click()
    page.set_input_files("#chat-files", list(files))
    expect(page.locator("#import-close")).to_be_focused()


def shown(page: Page) -> list[str]:
    """Questions and answers on the page."""
    return page.locator(".turn .question, .turn .answer").all_inner_texts()


def told(suite: RealSuite) -> list[tuple[str, str]]:
    """What history has."""
    return [(turn.question, turn.answer) for turn in suite.history.turns]


def test_a_chat_of_sillytavern_goes_on_with_its_character(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/character/")
    bring(page, tavern())
    report = page.locator("#import-report p")
    expect(report).to_have_text(
        [
            "레이철.jsonl: 대화 1개, 새 문답 3개를 가져왔습니다. 열기",
            "답이 없는 질문과 대화가 아닌 메시지 2개는 넣지 않았습니다.",
        ]
    )
    page.get_by_role("button", name="열기", exact=True).click()
    expect(page.locator("#import")).to_be_hidden()
    expect(page.locator(".turn")).to_have_count(2)
    assert [text.removeprefix("나:").strip() for text in shown(page)] == [
        "지도가 있나요?",
        "네, 있어요.",
        "하나,\n\n둘",
        "셋 \ufffd",
    ]
    expect(page.locator(".swipe")).to_have_text("2/2")
    page.get_by_role("button", name="이전 답변").click()
    expect(page.locator(".turn .answer")).to_have_text(["아니요."])
    page.get_by_role("button", name="다음 답변").click()
    expect(page.locator(".turn")).to_have_count(2)
    real_visitor.ask(page, "계속해요")
    expect(page.locator(".facts").last).to_contain_text("fake-model")
    said = suite.character.conversations[-1]
    assert [exchange.question for exchange in said.exchanges] == ["지도가 있나요?", "하나,\n\n둘"]
    # Whichever answer the path begins with, the room knows its character.
    for first in suite.history.turns[:2]:
        assert first.asked_with is not None
        assert first.asked_with["character_name"] == "레이철"
        assert first.asked_with["greeting"] == "어서 오세요."


def test_chats_of_open_webui_keep_their_branches_and_titles(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    empty = web_ui("빈 대화", message("u", None, "user", "답 없음"), current="u")
    bring(page, exported(web_ui(), web_ui("요리", *web_ui()["chat"]["history"]["messages"].values()), empty))
    expect(page.locator("#import-report p").first).to_contain_text("대화 2개, 새 문답 8개")
    page.click("#import-close")
    expect(page.locator(".room-title")).to_have_count(2)
    assert sorted(page.locator(".room-title").all_inner_texts()) == ["여행", "요리"]
    page.locator(".room", has_text="여행").click()
    expect(page.locator(".answer")).to_have_text(["바다로요.", "회를 드세요."])
    page.get_by_role("button", name="이전 답변").click()
    expect(page.locator(".answer")).to_have_text(["산으로요.", "그럼 바다로요."])
    assert {turn.model for turn in suite.history.turns} == {"llama3"}
    # Once more, with what was said since.
    more = web_ui()
    more["chat"]["history"]["messages"] |= {
        "u4": message("u4", "a3", "user", "그다음은?"),
        "a4": message("a4", "u4", "assistant", "주무세요."),
    }
    bring(page, exported(web_ui(), name="again.json"), exported(more | {"title": "여행"}, name="more.json"))
    expect(page.locator("#import-report p")).to_have_text(
        ["again.json: 이미 모두 있습니다. 열기", "more.json: 대화 1개, 새 문답 1개를 가져왔습니다. 열기"]
    )
    assert len(told(suite)) == 9


def test_what_was_downloaded_here_is_taken_back(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    real_visitor.ask(page, "처음")
    expect(page.locator(".facts")).to_be_visible()
    before = [(turn.id, turn.question, turn.answer) for turn in suite.history.turns]
    with page.expect_download() as download:
        page.get_by_role("button", name="모든 대화 내려받기").click()
    text = download.value.path().read_bytes()
    suite.history.store.stored.clear()
    bring(page, {"name": "rooms.json", "mimeType": "application/json", "buffer": text})
    expect(page.locator("#import-report p")).to_contain_text("새 문답 1개")
    assert [(turn.id, turn.question, turn.answer) for turn in suite.history.turns] == before


def test_a_file_that_cannot_be_read_is_told_and_costs_only_itself(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    unsafe = {"rooms": [{"db_id": "../rooms?user_id=x&", "turns": []}]}
    bad: list[tuple[FilePayload, str]] = [
        (
            {"name": "a", "mimeType": "", "buffer": b"\x89PNG"},
            "SillyTavern이나 Open WebUI의 대화가 아닙니다.",
        ),
        ({"name": "b", "mimeType": "", "buffer": json.dumps(unsafe).encode()}, "대화가 아닙니다."),
        (tavern(TAVERN[0], TAVERN[1], {"mes": 5}), "3번째 줄을 읽을 수 없습니다."),
        (tavern(TAVERN[0], TAVERN[1]), "질문과 답이 들어 있지 않습니다."),
        (exported(web_ui(), {"title": "x"}), "2번째 것이 대화가 아닙니다."),
        (tavern(TAVERN[0], {"mes": "가" * 90_000, "is_user": True}, TAVERN[3]), "메시지 하나가 너무 깁니다."),
    ]
    bring(page, *(file for file, _ in bad), exported(web_ui()))
    lines = page.locator("#import-report p")
    expect(lines).to_have_count(len(bad) + 1)
    for number, (file, reason) in enumerate(bad):
        expect(lines.nth(number)).to_contain_text(f"{file['name']}: 가져오지 못했습니다.")
        expect(lines.nth(number)).to_contain_text(reason)
    expect(page.locator("#import-report .failed")).to_have_count(len(bad))
    assert len(told(suite)) == 4


def test_a_file_whose_import_fails_in_the_middle_leaves_nothing(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    sent = 0

    def failing(route: Route) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:
            route.fulfill(status=503, json={"detail": "지금은 저장할 수 없습니다."})
        else:
            route.fallback()

    page.route("**/rooms/import?*", failing)
    long = [TAVERN[0]]
    for number in range(450):
        long += [
            {"mes": f"말 {number}", "is_user": True},
            {"name": "a", "mes": f"답 {number}", "is_user": False},
        ]
    bring(page, tavern(*long, name="long.jsonl"))
    expect(page.locator("#import-report .failed")).to_have_text(
        "long.jsonl: 가져오지 못했습니다. 지금은 저장할 수 없습니다."
    )
    assert told(suite) == []
    bring(page, tavern(*long, name="long.jsonl"))
    expect(page.locator("#import-report p")).to_contain_text("새 문답 450개")
    page.get_by_role("button", name="열기", exact=True).click()
    expect(page.locator(".answer")).to_have_count(450)
    expect(page.locator(".answer").last).to_have_text("답 449")
