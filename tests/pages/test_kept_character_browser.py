"""Kept characters that are another user's, deleted, changed elsewhere, or half imported."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from tests.domain.test_avatars import PLAIN
from tests.pages.conftest import Visitor
from tests.pages.kept import change_elsewhere, delete_elsewhere, keep, open_gallery, play
from tests.pages.real_suite import RealSuite
from tests.pages.turns import expect_done

from chatbot.domain.avatars import with_card

pytestmark = pytest.mark.browser

SAMPLE = "레이철"
DELETED = "이 캐릭터는 삭제되었습니다."


@pytest.fixture
def page(real_visitor: Visitor) -> Page:
    """The character's page; nobody is kept yet."""
    return real_visitor.open("/character/")


def test_another_user_sees_nothing_of_the_former_ones_character(
    page: Page, real_visitor: Visitor, suite: RealSuite, tmp_path: Path
) -> None:
    card = {"name": "지우", "description": "나만의 등대지기", "first_mes": "비밀이야"}
    (tmp_path / "card.png").write_bytes(with_card(PLAIN, json.dumps({"spec": "", "data": card}).encode()))
    former = page.evaluate("localStorage.getItem('chatbot.user_id')")
    open_gallery(page)
    page.locator("#gallery input[type=file]").set_input_files([tmp_path / "card.png"])
    page.locator("#gallery .pick", has_text="지우").click()
    expect(page.locator(".persona img")).to_have_count(1)
    page.click("#edit-character")
    page.locator("#character-editor").get_by_role("button", name="취소").click()
    page.locator("#welcome").get_by_role("button", name="작가의 말").click()
    page.locator("#note textarea").fill("나만의 바람")
    page.locator("#note").get_by_role("button", name="저장").click()
    tab = real_visitor.open("/character/")
    expect(tab.locator(".welcome h2")).to_have_text("지우")

    real_visitor.change_user(page, "somebody-else")
    for each in (page, tab):
        expect(each.locator(".welcome h2")).to_have_text(SAMPLE)
        values = each.evaluate("[...document.querySelectorAll('input, textarea')].map((each) => each.value)")
        shown = each.content() + "".join(values)
        assert not [text for text in ("지우", "나만의", "비밀이야", "data:image") if text in shown]
    real_visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    assert suite.character.conversations[-1].speakers.assistant == SAMPLE
    page.reload()
    expect(page.locator(".welcome h2")).to_have_text(SAMPLE)
    expect(page.locator("#toast")).to_be_hidden()

    real_visitor.change_user(page, former)
    expect(page.locator(".welcome h2")).to_have_text("지우")


@pytest.mark.usefixtures("played")
def test_a_room_whose_character_was_deleted_waits_for_somebody_to_be_chosen(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    keep(page, suite, name="민준", context="뱃사람이다.")
    real_visitor.ask(page, "안녕")
    expect_done(page)
    delete_elsewhere(suite, "지우")
    asked = len(suite.character.conversations)
    page.reload()
    expect(page.locator(".welcome h2")).to_have_text("삭제된 캐릭터")
    expect(page.locator(".persona p")).to_contain_text(DELETED)
    expect(page.locator("#question")).to_have_attribute("placeholder", "이어서 대화할 캐릭터를 골라 주세요")
    expect(page.get_by_role("button", name="다시 답하기")).to_have_count(0)
    page.locator("#toast").evaluate("(toast) => { toast.hidden = true; }")
    page.fill("#question", "누구야?")
    page.press("#question", "Enter")
    expect(page.locator("#toast")).to_contain_text(DELETED)
    expect(page.locator("#send")).to_be_disabled()
    expect(page.locator(".turn")).to_have_count(1)
    assert len(suite.character.conversations) == asked

    # The room goes on with whom the user chooses, by the head's button too.
    page.click("#edit-character")
    page.locator("#gallery .pick", has_text="민준").click()
    expect(page.locator(".welcome h2")).to_have_text("민준")
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.get_by_role("button", name="다시 답하기")).to_have_count(1)
    page.press("#question", "Enter")
    expect(page.locator(".turn")).to_have_count(2)
    expect_done(page)
    assert suite.character.conversations[-1].speakers.assistant == "민준"


@pytest.mark.usefixtures("played")
def test_a_question_to_one_that_was_deleted_elsewhere_shows_it(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    keep(page, suite, name="민준", context="뱃사람이다.")
    delete_elsewhere(suite, "지우")
    real_visitor.ask(page, "안녕")
    expect(page.locator(".welcome h2")).to_have_text("삭제된 캐릭터")
    expect(page.locator(".turn.failed")).to_have_count(1)
    expect(page.get_by_role("button", name="다시 보내기")).to_have_count(0)
    # The question waits for somebody to be chosen.
    play(page, "민준")
    page.get_by_role("button", name="다시 보내기").click()
    expect(page.locator(".facts")).to_be_visible()
    assert suite.character.conversations[-1].speakers.assistant == "민준"


@pytest.mark.usefixtures("played")
def test_one_that_is_described_takes_the_place_of_a_deleted_one(
    page: Page, real_visitor: Visitor, suite: RealSuite
) -> None:
    delete_elsewhere(suite, "지우")
    page.reload()
    expect(page.locator(".welcome h2")).to_have_text("삭제된 캐릭터")
    page.get_by_role("button", name="새 대화").click()
    expect(page.locator(".welcome h2")).to_have_text("삭제된 캐릭터")
    open_gallery(page)
    page.get_by_role("button", name="저장하지 않는 캐릭터").click()
    page.click("#character-save")
    expect(page.locator(".welcome h2")).to_have_text(SAMPLE)
    real_visitor.ask(page, "안녕")
    expect(page.locator(".facts")).to_be_visible()
    assert suite.character.conversations[-1].speakers.assistant == SAMPLE


@pytest.mark.usefixtures("played")
def test_a_character_that_is_out_of_reach_is_not_shown_as_another(page: Page) -> None:
    page.route("**/characters/*", lambda route: route.fulfill(status=503, json={"detail": "잠시 뒤에"}))
    page.reload()
    expect(page.locator("#toast")).to_have_text("잠시 뒤에")
    expect(page.locator(".welcome h2")).to_have_text("캐릭터")
    expect(page.locator("#welcome")).not_to_contain_text(SAMPLE)


def test_a_picture_that_fails_is_told_and_the_card_is_imported_once(
    page: Page, suite: RealSuite, tmp_path: Path
) -> None:
    card = {"name": "지우", "description": "d", "first_mes": "f"}
    (tmp_path / "card.png").write_bytes(with_card(PLAIN, json.dumps(card).encode()))
    (tmp_path / "large.json").write_text(json.dumps({**card, "notes": "가" * 1_000_000}))
    page.route("**/avatar?*", lambda route: route.fulfill(status=503, json={"detail": "잠시 뒤에"}))
    open_gallery(page)
    page.locator("#gallery input[type=file]").set_input_files(
        [tmp_path / "card.png", tmp_path / "large.json"]
    )
    report = page.locator("#gallery .report")
    expect(report).to_contain_text("‘지우’ 캐릭터를 보관했습니다.")
    expect(report).to_contain_text("담지 못한 항목: 그림 (잠시 뒤에)")
    expect(report).not_to_contain_text("card.png:")
    expect(report).to_contain_text("large.json: 요청 본문이 1536 KiB를 넘습니다.")
    assert len(suite.history.characters.stored) == 1


def test_a_change_elsewhere_is_shown_though_nothing_can_be_read(page: Page, suite: RealSuite) -> None:
    keep(page, suite)
    open_gallery(page)
    page.get_by_role("button", name="‘지우’ 고치기").click()
    editor = page.locator("#character-editor")
    editor.get_by_label("설정과 배경").fill("내 글")
    change_elsewhere(suite, context="그쪽 글")

    def unreadable(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(status=503, json={"detail": "잠시 뒤에"})
        else:
            route.continue_()

    page.route("**/characters/*", unreadable)
    editor.get_by_role("button", name="저장").click()
    editor.get_by_role("button", name="바뀐 내용 보기").click()
    expect(editor.get_by_label("설정과 배경")).to_have_value("그쪽 글")


def test_a_report_of_an_import_names_what_a_card_has_in_words(page: Page, tmp_path: Path) -> None:
    card = {
        "name": "지우",
        "first_mes": "f",
        "mes_example": "가" * 9000,
        "alternate_greetings": ["나"] * 31,
        "tags": ["a"],
        "creator_notes": "메모",
        "my_field": 1,
        "character_book": {"entries": [{"keys": ["등대"], "content": "다" * 5000}]},
    }
    (tmp_path / "card.json").write_text(json.dumps({"spec": "chara_card_v2", "data": card}))
    open_gallery(page)
    page.locator("#gallery input[type=file]").set_input_files([tmp_path / "card.json"])
    report = page.locator("#gallery .report")
    expect(report).to_contain_text("줄인 항목: 말투 예시 (9,000자 가운데 8,000자)")
    expect(report).to_contain_text("줄인 항목: 다른 첫인사 (31개 가운데 30개)")
    expect(report).to_contain_text("줄인 항목: 로어북 1번 항목 (5,000자 가운데")
    expect(report).to_contain_text("내보낼 때만 쓰는 항목: 태그, 제작자 메모, my_field")
