"""Kept characters on the page: the gallery, the editor with its lorebook, greetings, the note of a room."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.domain.test_avatars import PLAIN
from tests.pages.conftest import Visitor
from tests.pages.kept import change_elsewhere, keep, open_gallery
from tests.pages.real_suite import RealSuite

from chatbot.domain.avatars import with_card
from chatbot.domain.characters import StoredCharacter
from chatbot.domain.lorebook import Lorebook

pytestmark = pytest.mark.browser

CARD: dict[str, Any] = {
    "spec": "chara_card_v3",
    "data": {
        "name": "지우",
        "description": "{{char}}는 등대지기다.",
        "first_mes": "{{user}}, 왔구나!",
        "alternate_greetings": ["*손을 흔든다.* 여기야!"],
        "creator": "나",
        "character_book": {"entries": [{"keys": ["등대"], "content": "등대는 백 년 되었다."}]},
    },
}


def all_kept(suite: RealSuite) -> list[StoredCharacter]:
    return list(suite.history.characters.stored.values())


@pytest.mark.everyday
def test_a_character_is_written_talked_with_changed_and_deleted(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/character/")
    open_gallery(page)
    expect(page.locator("#gallery")).to_contain_text("아직 보관한 캐릭터가 없습니다.")
    page.get_by_role("button", name="새 캐릭터").click()
    editor = page.locator("#character-editor")
    editor.get_by_role("button", name="저장").click()
    expect(editor.locator(".problem")).to_have_text("이름: 1~50자로 써 주세요.")
    editor.get_by_label("이름", exact=False).first.fill("지우")
    editor.get_by_label("설정과 배경").fill("{{char}}는 등대지기다.")
    editor.get_by_label("첫인사", exact=False).first.fill("왔구나!")
    editor.get_by_role("button", name="다른 첫인사 더하기").click()
    editor.get_by_label("다른 첫인사 1").fill("*손을 흔든다.* 여기야!")
    editor.get_by_role("button", name="항목 더하기").click()
    editor.get_by_label("키워드 (한 줄에 하나)", exact=True).fill("등대\n바다")
    editor.get_by_label("설명").fill("등대는 백 년 되었다.")
    expect(editor.locator(".lore summary")).to_have_text("1. 등대, 바다")
    editor.get_by_role("button", name="저장").click()
    expect(editor).to_be_hidden()
    (stored,) = all_kept(suite)
    assert stored.character.alternate_greetings == ("*손을 흔든다.* 여기야!",)
    assert stored.character.lorebook == Lorebook.model_validate(
        {"entries": [{"keys": ["등대", "바다"], "content": "등대는 백 년 되었다."}]}
    )

    page.locator("#gallery .pick", has_text="지우").click()
    expect(page.locator(".welcome h2")).to_have_text("지우")
    expect(page.locator(".welcome .answer")).to_have_text("왔구나!")
    page.get_by_role("button", name="다음 첫인사").click()
    expect(page.locator(".welcome .answer em")).to_have_text("손을 흔든다.")
    real_visitor.ask(page, "등대를 보여 줘")
    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator(".greeting-choice")).to_have_count(0)
    asked = suite.character.conversations[-1]
    assert asked.opening == "*손을 흔든다.* 여기야!"
    assert "지우는 등대지기다." in asked.system_text
    assert "> 등대는 백 년 되었다." in asked.user_text

    page.click("#edit-character")
    editor.get_by_label("설정과 배경").fill("뱃사람이다.")
    editor.get_by_role("button", name="저장").click()
    expect(editor).to_be_hidden()
    expect(page.locator(".persona p")).to_have_text("뱃사람이다.")
    real_visitor.ask(page, "바다로 가자")
    expect(page.locator(".facts")).to_have_count(2)
    assert "뱃사람이다." in suite.character.conversations[-1].system_text

    open_gallery(page)
    page.get_by_role("button", name="‘지우’ 삭제").click()
    page.click("#confirm-yes")
    expect(page.locator("#gallery")).to_contain_text("아직 보관한 캐릭터가 없습니다.")
    expect(page.locator("#toast")).to_contain_text("이 캐릭터는 삭제되었습니다.")
    assert all_kept(suite) == []


def test_cards_are_imported_by_choice_and_by_drop_and_exported(
    real_visitor: Visitor, suite: RealSuite, tmp_path: Path
) -> None:
    picture = tmp_path / "card.png"
    picture.write_bytes(with_card(PLAIN, json.dumps(CARD).encode()))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    page = real_visitor.open("/character/")
    open_gallery(page)
    page.locator("#gallery input[type=file]").set_input_files([picture, broken])
    expect(page.locator("#gallery .report")).to_contain_text("‘지우’ 캐릭터를 보관했습니다.")
    expect(page.locator("#gallery .report")).to_contain_text("내보낼 때만 쓰는 항목: 제작자")
    expect(page.locator("#gallery .report")).to_contain_text(
        "broken.json: 캐릭터 카드로 읽을 수 없는 파일입니다."
    )
    expect(page.locator("#gallery .portrait img")).to_have_count(1)
    (stored,) = all_kept(suite)
    assert stored.avatar is not None

    page.evaluate(
        """(card) => {
            const data = new DataTransfer();
            data.items.add(new File([card], "dropped.json", { type: "application/json" }));
            const drop = new DragEvent("drop", { dataTransfer: data, cancelable: true });
            document.getElementById("gallery").dispatchEvent(drop);
        }""",
        json.dumps({"name": "민준", "description": "d", "first_mes": "f"}),
    )
    expect(page.locator("#gallery .pick")).to_have_count(2)
    page.get_by_role("button", name="‘지우’ 고치기").click()
    page.evaluate(
        "() => { window.revoked = []; URL.revokeObjectURL = (address) => window.revoked.push(address); }"
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG 카드로 내보내기").click()
    assert download.value.suggested_filename == "지우.png"
    exported = Path(download.value.path()).read_bytes()
    # Some browsers read the address later.
    assert download.value.url not in page.evaluate("window.revoked")
    page.get_by_role("button", name="취소").last.click()
    (tmp_path / "again.png").write_bytes(exported)
    open_gallery(page)
    page.locator("#gallery input[type=file]").set_input_files([tmp_path / "again.png"])
    expect(page.locator("#gallery .pick")).to_have_count(3)


def test_of_two_devices_the_later_one_sees_what_the_other_wrote(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/character/")
    id_ = keep(page, suite)
    open_gallery(page)
    page.get_by_role("button", name="‘지우’ 고치기").click()
    editor = page.locator("#character-editor")
    editor.get_by_label("설정과 배경").fill("내 글")
    change_elsewhere(suite, context="그쪽 글")
    editor.get_by_role("button", name="저장").click()
    expect(editor.locator(".problem")).to_contain_text("그사이 다른 곳에서 이 캐릭터를 고쳤습니다.")
    editor.get_by_role("button", name="내 내용으로 덮어쓰기").click()
    expect(editor).to_be_hidden()
    (now,) = all_kept(suite)
    assert (str(now.id), now.version, now.character.context) == (id_, 3, "내 글")


def test_what_was_written_is_not_lost_by_escape(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/character/")
    open_gallery(page)
    page.get_by_role("button", name="새 캐릭터").click()
    page.keyboard.type("지우")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm-text")).to_have_text("저장하지 않은 내용을 버릴까요?")
    page.click("#confirm-no")
    expect(page.locator("#character-editor input").nth(1)).to_have_value("지우")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="버리기").click()
    expect(page.locator("#character-editor")).to_be_hidden()
    assert all_kept(suite) == []


def test_a_room_goes_on_with_its_kept_character_and_note_on_another_device(
    browser: Browser, real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/character/")
    keep(page, suite, greeting="왔구나!", alternate_greetings=["여기야!"])
    open_gallery(page)
    page.locator("#gallery .pick", has_text="지우").click()
    page.get_by_role("button", name="다음 첫인사").click()
    page.get_by_role("button", name="작가의 말").click()
    page.locator("#note textarea").fill("천천히 말한다.")
    page.locator("#note").get_by_role("button", name="저장").click()
    expect(page.get_by_role("button", name="작가의 말 ✓")).to_be_visible()
    real_visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    assert "> 천천히 말한다." in suite.character.conversations[-1].user_text
    user = page.evaluate("localStorage.getItem('chatbot.user_id')")

    context = browser.new_context(locale="ko-KR")
    other = Visitor(context, real_visitor.address)
    page = other.open("/character/")
    page.evaluate("(user) => localStorage.setItem('chatbot.user_id', user)", user)
    page.reload()
    page.locator(".room", has_text="안녕").click()
    expect(page.locator(".welcome h2")).to_have_text("지우")
    expect(page.locator(".welcome .answer")).to_have_text("여기야!")
    expect(page.locator(".turn .speaker")).to_have_text("지우")
    expect(page.get_by_role("button", name="작가의 말 ✓")).to_be_visible()
    other.ask(page, "잘 지냈어?")
    expect(page.locator(".facts")).to_have_count(2)
    asked = suite.character.conversations[-1]
    assert (asked.speakers.assistant, asked.opening) == ("지우", "여기야!")
    assert "> 천천히 말한다." in asked.user_text
    # The room has told nothing new of itself.
    assert [turn.asked_with for turn in suite.history.turns][1:] == [None]
    page.get_by_role("button", name="새 대화").click()
    expect(page.get_by_role("button", name="작가의 말", exact=True)).to_be_visible()
    context.close()
    assert other.problems == []


def test_the_gallery_works_by_keyboard_and_on_a_phone(
    browser: Browser, real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/character/")
    page.set_viewport_size({"width": 360, "height": 720})
    keep(page, suite)
    page.locator("#welcome").get_by_role("button", name="내 캐릭터").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#gallery .pick")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#gallery .pick").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".welcome h2")).to_have_text("지우")
    page.reload()
    expect(page.locator(".welcome h2")).to_have_text("지우")
    # English, and back to a described one for once.
    page.get_by_role("button", name="Switch to English").click()
    page.get_by_role("button", name="My characters").click()
    page.get_by_role("button", name="Unsaved character").click()
    page.get_by_role("button", name="Talk with this character").click()
    expect(page.locator(".welcome h2")).to_have_text("Rachel")


def test_without_storing_a_kept_character_is_described(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/character/")
    keep(page, suite, context="가" * 3000)
    open_gallery(page)
    page.locator("#gallery .pick", has_text="지우").click()
    expect(page.locator(".welcome h2")).to_have_text("지우")
    page.evaluate("localStorage.setItem('chatbot.forget', '1')")
    real_visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    asked = suite.character.conversations[-1]
    assert asked.speakers.assistant == "지우"
    assert suite.history.turns == []
