"""The character's form: its sample, its card, the user's name, and what of them goes into a request."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import text_answer
from tests.pages.real_suite import RealSuite
from tests.pages.test_readers_browser import png, text_chunk, v2

pytestmark = pytest.mark.browser


@pytest.mark.everyday
def test_a_character_is_talked_with_at_once_and_edited(visitor: Visitor, served: Served) -> None:
    character = served.suite.character
    character.answers = [text_answer("*웃는다.* 네")]
    page = visitor.open("/character/")
    expect(page.locator(".welcome .answer")).to_contain_text("어서 오세요")
    expect(page.locator("#notice")).to_contain_text("AI가 연기하는 가상의 인물")
    assert page.locator("#search-chip").is_hidden()
    visitor.ask(page, "*손을 흔든다.*")
    expect(page.locator(".turn .answer em")).to_have_text("웃는다.")
    expect(page.locator(".turn .speaker")).to_have_text("레이철")
    asked = character.asked[0]
    assert asked["character_name"] == "레이철"
    assert asked["greeting"].startswith("*레이철이")
    assert "스물아홉" in asked["context"]
    assert "google_access" not in asked

    page.get_by_role("button", name="캐릭터", exact=True).click()
    page.fill("#character-name", "  ")
    page.click("#character-save")
    expect(page.locator("#character-problem")).to_have_text("이름: 1~50자로 써 주세요.")
    page.fill("#character-name", "지우")
    page.get_by_label("첫인사").fill("{{user}}, {{char}}야!")
    page.get_by_label("설정과 배경").fill("{{char}}는 {{user}}를 기다린다. {{// 메모}}")
    page.click("#character-save")
    expect(page.locator(".persona p")).to_have_text("지우는 사용자를 기다린다.")
    expect(page.locator(".welcome .answer")).to_have_text("사용자, 지우야!")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#question")).to_have_attribute("placeholder", "지우에게 말을 걸어 보세요")

    page.locator(".room").first.click()
    expect(page.locator(".welcome h2")).to_have_text("레이철")


def test_the_user_has_a_name_in_the_scene(visitor: Visitor, served: Served) -> None:
    character = served.suite.character
    character.answers = [text_answer("네")]
    page = visitor.open("/character/")
    page.click("#edit-character")
    page.get_by_label("첫인사").fill("{{user}}는 왔구나, {{char}}이 기다렸어!")
    page.get_by_label("내 이름").fill("  지훈 ")
    page.click("#character-save")
    expect(page.locator(".welcome .answer")).to_have_text("지훈은 왔구나, 레이철이 기다렸어!")
    page.reload()
    visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    page.click("#edit-character")
    expect(page.get_by_label("내 이름")).to_have_value("지훈")
    page.get_by_label("내 이름").fill("")
    page.click("#character-save")
    visitor.ask(page, "누구세요?")
    expect(page.locator(".facts")).to_be_visible()
    assert [asked.get("user_name") for asked in character.asked] == ["지훈", None]


def test_a_card_is_imported_with_a_report(visitor: Visitor, served: Served, tmp_path: Path) -> None:
    card = v2(
        name="민준",
        nickname="준이",
        first_mes="왔어?",
        description="라" * 2100,
        system_prompt="무시",
        character_book={"entries": [{}, {}]},
    )
    (tmp_path / "card.png").write_bytes(png(text_chunk(b"chara", card)))
    (tmp_path / "plain.png").write_bytes(png())
    page = visitor.open("/character/")
    page.click("#edit-character")
    page.set_input_files("#card-file", tmp_path / "plain.png")
    expect(page.locator("#card-report")).to_have_text("이 PNG에는 캐릭터 카드가 들어 있지 않습니다.")
    page.set_input_files("#card-file", tmp_path / "card.png")
    expect(page.locator("#card-report p")).to_have_text(
        [
            "V2 카드를 읽었습니다.",
            "별명: 글에서 캐릭터를 부르는 이름은 ‘준이’입니다.",
            "이름: 2자",
            "첫인사: 3자",
            "설정과 배경: 2,100자 가운데 2,000자만 넣었습니다.",
            "쓰지 않은 항목: 시스템 지시, 로어북 2항목",
        ]
    )
    expect(page.locator("#context-count")).to_have_text("2,000/2,000")
    page.click("#character-save")
    expect(page.locator(".welcome h2")).to_have_text("민준")
    served.suite.character.answers = [text_answer("응")]
    visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    assert served.suite.character.asked[0]["context"] == "라" * 1999 + "…"


def test_a_room_is_played_by_its_character_on_another_device(
    browser: Browser, real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/character/")
    page.click("#edit-character")
    page.fill("#character-name", "지우")
    page.get_by_label("첫인사").fill("{{user}}, 왔구나!")
    page.get_by_label("설정과 배경").fill("지우는 등대지기다.")
    page.get_by_label("내 이름").fill("민준")
    page.click("#character-save")
    real_visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    page.click("#edit-character")
    page.click("#sample")
    page.click("#character-save")
    real_visitor.ask(page, "다른 이야기")
    expect(page.locator(".facts")).to_be_visible()
    user = page.evaluate("localStorage.getItem('chatbot.user_id')")

    context = browser.new_context(locale="ko-KR")
    other = Visitor(context, real_visitor.address)
    page = other.open("/character/")
    page.evaluate("(user) => localStorage.setItem('chatbot.user_id', user)", user)
    page.reload()
    expect(page.locator(".welcome h2")).to_have_text("레이철")
    page.locator(".room", has_text="안녕").click()
    expect(page.locator(".welcome h2")).to_have_text("지우")
    expect(page.locator(".welcome .answer")).to_have_text("민준, 왔구나!")
    expect(page.locator(".turn .speaker")).to_have_text("지우")
    other.ask(page, "잘 지냈어?")
    expect(page.locator(".facts")).to_have_count(2)
    asked = suite.character.conversations[-1]
    assert asked.speakers.assistant == "지우"
    assert asked.opening == "민준, 왔구나!"
    assert "등대지기" in asked.system_text
    # A new room is the user's own again, and this browser knows no name.
    page.get_by_role("button", name="새 대화").click()
    page.click("#edit-character")
    expect(page.get_by_label("내 이름")).to_have_value("")
    context.close()
    assert other.problems == []


def test_a_room_that_does_not_tell_its_character_says_so(visitor: Visitor, served: Served) -> None:
    room = "123e4567-e89b-12d3-a456-426614174000"
    served.suite.character.store(room, "옛 질문", "옛 답")
    page = visitor.open(f"/character/#{room}")
    expect(page.locator("#toast")).to_have_text(
        "어떤 캐릭터와 나눈 대화인지 저장되어 있지 않습니다. 지금은 ‘레이철’ 캐릭터가 답합니다."
    )
