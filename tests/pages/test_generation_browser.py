"""The answer settings of a room: what is chosen is sent, remembered by the room, and checked."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect
from tests.pages.conftest import Visitor, hold
from tests.pages.fake_service import Gate
from tests.pages.real_suite import RealSuite

from chatbot.domain.errors import ModelFailed
from chatbot.domain.messages import Sampling, Token

pytestmark = pytest.mark.browser

USUAL = Sampling()


def choose(page: Page, preset: str = "", temperature: str = "", length: str = "") -> None:
    """Fill the dialog and save."""
    page.click("#edit-generation")
    if preset:
        page.get_by_label("성격").select_option(label=preset)
    page.get_by_label("온도").fill(temperature)
    page.get_by_label("답변 길이").fill(length)
    page.locator("#generation").get_by_role("button", name="저장").click()


def answered(visitor: Visitor, page: Page, suite: RealSuite, question: str, count: int) -> Sampling:
    """Ask, and tell how the model was to choose tokens."""
    visitor.ask(page, question)
    expect(page.locator(".facts")).to_have_count(count)
    return suite.office.samplings[-1]


@pytest.mark.everyday
def test_what_is_chosen_belongs_to_its_room(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    opener = page.get_by_role("button", name="답변 설정", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#temperature")).to_have_attribute("placeholder", str(USUAL.temperature))
    expect(page.locator("#answer-length")).to_have_attribute("placeholder", str(USUAL.max_tokens))
    page.keyboard.press("Escape")
    # Before the room has a name.
    choose(page, "뜻밖의 전개로", "0.3", "50")
    expect(page.get_by_role("button", name="답변 설정 (바꾼 것이 있음)")).to_be_visible()
    taken = answered(real_visitor, page, suite, "하나", 1)
    assert (taken.temperature, taken.xtc_probability, taken.min_p, taken.max_tokens) == (0.3, 0.5, 0.02, 50)
    page.reload()
    expect(page.locator(".facts")).to_have_count(1)
    assert answered(real_visitor, page, suite, "둘", 2) == taken
    page.click("#new-room")
    expect(opener).to_be_visible()
    assert answered(real_visitor, page, suite, "셋", 1) == USUAL
    page.locator(".room", has_text="하나").click()
    expect(page.locator(".facts")).to_have_count(2)
    page.click("#edit-generation")
    expect(page.get_by_label("성격")).to_have_value("surprising")
    expect(page.locator("#preset-hint")).to_contain_text("xtc_probability 0.5")
    page.get_by_role("button", name="기본값으로").click()
    page.locator("#generation").get_by_role("button", name="저장").click()
    assert answered(real_visitor, page, suite, "넷", 3) == USUAL
    page.reload()
    expect(page.locator(".facts")).to_have_count(3)
    assert answered(real_visitor, page, suite, "다섯", 4) == USUAL


def test_another_device_goes_on_with_a_rooms_settings(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    choose(page, "다채롭게", length="50")
    taken = answered(real_visitor, page, suite, "하나", 1)
    room = suite.history.turns[0].room.db_id
    kept = page.evaluate("[...Object.entries(localStorage), ...Object.entries(sessionStorage)].join()")
    assert "temperature" not in kept, "what was sent is the room's alone"
    other = real_visitor.open(f"/office/#{room}")
    expect(other.locator(".facts")).to_have_count(1)
    assert answered(real_visitor, other, suite, "둘", 2) == taken
    # What was chosen and not asked with yet outlives a reload, and is of this room.
    choose(other, "정확하게")
    other.reload()
    expect(other.locator(".facts")).to_have_count(2)
    other.click("#new-room")
    assert answered(real_visitor, other, suite, "셋", 1) == USUAL
    other.locator(".room", has_text="하나").click()
    expect(other.locator(".facts")).to_have_count(2)
    last = answered(real_visitor, other, suite, "넷", 3)
    assert (last.temperature, last.top_p, last.max_tokens) == (0.2, 0.9, USUAL.max_tokens)


def test_what_another_client_has_chosen_stays_as_it_is(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, suite, "하나", 1)
    turn = suite.history.turns[0]
    said = {"sampling": '{"min_p":0.5,"top_k":7,"temperature":99,"max_tokens":100}'}
    suite.history.store.stored[turn.id] = replace(turn, asked_with=said)
    page.reload()
    expect(page.locator(".facts")).to_have_count(1)
    page.click("#edit-generation")
    expect(page.get_by_label("성격")).to_have_value("own")
    expect(page.locator("#preset-hint")).to_have_text("min_p 0.5 · top_k 7")
    expect(page.locator("#temperature")).to_have_value("")
    expect(page.locator("#answer-length")).to_have_value("100")
    page.locator("#generation").get_by_role("button", name="저장").click()
    last = answered(real_visitor, page, suite, "둘", 2)
    assert (last.min_p, last.top_k, last.max_tokens) == (0.5, 7, 100)
    assert last.temperature == USUAL.temperature


def test_what_is_out_of_bounds_is_told_and_not_sent(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    choose(page, temperature="2.5")
    problem = page.locator("#generation-problem")
    expect(problem).to_have_text("온도: 0부터 2까지의 수를 써 주세요.")
    expect(page.locator("#temperature")).to_be_focused()
    page.get_by_label("온도").fill("")
    page.get_by_label("답변 길이").fill("1.5")
    page.locator("#generation").get_by_role("button", name="저장").click()
    expect(problem).to_contain_text("2,048까지의 자연수")
    page.keyboard.press("Escape")
    assert answered(real_visitor, page, suite, "하나", 1) == USUAL


def test_a_deleted_room_leaves_nothing_and_damage_is_the_default(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    choose(page, temperature="1.5")
    assert answered(real_visitor, page, suite, "하나", 1).temperature == 1.5
    turn = suite.history.turns[0]
    for damage in ("{", "[1]", "null", '{"temperature":"hot","max_tokens":0}'):
        suite.history.store.stored[turn.id] = replace(turn, asked_with={"sampling": damage})
        page.reload()
        expect(page.locator(".facts")).to_have_count(1)
        expect(page.get_by_role("button", name="답변 설정", exact=True)).to_be_visible()
    assert answered(real_visitor, page, suite, "둘", 2) == USUAL
    choose(page, temperature="1.5")
    page.get_by_role("button", name="‘하나’ 바꾸기").click()
    page.get_by_role("button", name="이 대화 삭제").click()
    page.click("#confirm-yes")
    expect(page.locator(".turn")).to_have_count(0)
    assert page.evaluate("sessionStorage.getItem('chatbot.unsent_settings.office')") == "{}"


@pytest.mark.parametrize("reloaded", [True, False])
def test_what_is_chosen_while_an_answer_runs_goes_with_the_next_question(
    real_visitor: Visitor, suite: RealSuite, *, reloaded: bool
) -> None:
    page = real_visitor.open("/office/")
    page.evaluate("localStorage.setItem('chatbot.finish', '1')")
    choose(page, "정확하게")
    gate = Gate()
    suite.office.script = (Token("첫째 "), gate.passed, Token("둘째"))
    real_visitor.ask(page, "하나")
    expect(page.locator(".turn .answer")).to_have_text("첫째")
    choose(page, "서비스 기본값")
    if reloaded:
        page.reload()
        expect(page.locator(".turn .answer")).to_have_text("첫째")
    gate.open()
    expect(page.locator(".facts")).to_have_count(1)
    assert suite.office.samplings[-1].top_p == 0.9
    page.reload()
    expect(page.locator(".facts")).to_have_count(1)
    assert answered(real_visitor, page, suite, "둘", 2) == USUAL


def test_a_path_takes_no_settings_of_a_question_that_failed(real_visitor: Visitor, suite: RealSuite) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, suite, "하나", 1)
    choose(page, temperature="0.3")
    page.get_by_role("button", name="다시 답하기").click()
    expect(page.locator(".swipe")).to_have_text("2/2")
    answers, suite.office.script = suite.office.script, (ModelFailed("the model broke"),)
    real_visitor.ask(page, "둘")
    expect(page.locator(".failed .remark")).to_be_visible()
    page.get_by_role("button", name="이전 답변").click()
    expect(page.locator(".swipe")).to_have_text("1/2")
    expect(page.get_by_role("button", name="답변 설정", exact=True)).to_be_visible()
    suite.office.script = answers
    assert answered(real_visitor, page, suite, "셋", 2) == USUAL


def test_settings_are_left_when_another_room_comes_onto_the_page(
    real_visitor: Visitor, suite: RealSuite
) -> None:
    page = real_visitor.open("/office/")
    answered(real_visitor, page, suite, "하나", 1)
    page.click("#new-room")
    answered(real_visitor, page, suite, "둘", 1)
    held = hold(page, f"**/rooms/{suite.history.turns[0].room.db_id}?*")
    page.locator(".room", has_text="하나").click()
    page.click("#edit-generation")
    page.get_by_label("온도").fill("1.5")
    held.pop().continue_()
    expect(page.locator(".turn .question")).to_have_text("나: 하나")
    expect(page.locator("#generation")).to_be_hidden()
    assert answered(real_visitor, page, suite, "셋", 2) == USUAL
