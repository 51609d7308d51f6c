"""Settings, languages, screens and links of the chat page, in headless Chromium."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.pages.conftest import Served, Visitor
from tests.pages.fake_service import refuse, text_answer

pytestmark = pytest.mark.browser


@pytest.mark.everyday
def test_settings_are_checked_kept_and_sent(visitor: Visitor, served: Served) -> None:
    office = served.suite.office
    office.answers = [
        refuse(401, {"detail": "API 키가 없거나 올바르지 않습니다."}),
        text_answer("네", history="none"),
    ]
    page = visitor.open("/office/")
    visitor.ask(page, "열쇠 없이")
    expect(page.locator(".failed .remark")).to_have_text("API 키가 없거나 올바르지 않습니다.")
    page.click("#open-settings")
    page.get_by_label("사용자 ID").fill("한글 이름")
    page.click("#settings-save")
    expect(page.locator("#settings-problem")).to_contain_text("1~50자여야 합니다")
    page.get_by_label("사용자 ID").fill("kim.minji@example")
    page.get_by_label("API 키").fill("secret-key")
    page.get_by_label("대화를 저장하지 않기").check()
    page.click("#settings-save")
    expect(page.locator("#rooms-hint")).to_have_text("지금은 대화를 저장하지 않습니다.")
    visitor.ask(page, "다시")
    expect(page.locator(".facts")).to_be_visible()
    assert office.headers[1]["authorization"] == "Bearer secret-key"
    assert {"user_id", "db_id"}.isdisjoint(office.asked[1])
    assert page.evaluate("localStorage.getItem('chatbot.user_id')") == "kim.minji@example"
    assert page.evaluate("JSON.stringify(localStorage).includes('secret-key')") is False
    assert page.evaluate("sessionStorage.getItem('chatbot.api_key')") == "secret-key"


@pytest.mark.parametrize(
    ("locale", "greeting"), [("en-US", "How can I help?"), ("ja-JP", "무엇을 도와드릴까요?")]
)
def test_the_language_follows_the_browser_and_its_switch(
    browser: Browser, served: Served, locale: str, greeting: str
) -> None:
    served.suite.office.answers = [text_answer("ok")]
    context = browser.new_context(locale=locale)
    visitor = Visitor(context, served.address)
    page = visitor.open("/office/")
    expect(page.locator(".welcome h2")).to_have_text(greeting)
    english = locale.startswith("en")
    page.locator("#language").click()
    switched = "무엇을 도와드릴까요?" if english else "How can I help?"
    expect(page.locator(".welcome h2")).to_have_text(switched)
    page.reload()
    expect(page.locator(".welcome h2")).to_have_text(switched)
    assert page.locator("html").get_attribute("lang") == ("ko" if english else "en")
    visitor.ask(page, "hello")
    expect(page.locator(".facts")).to_be_visible()
    assert served.suite.office.headers[0]["accept-language"] == ("ko" if english else "en")
    # No text of the other language is left over.
    hangul = re.compile("[가-힣]")
    if not english:
        page.locator("#language").evaluate("element => element.remove()")
        assert not hangul.search(page.inner_text("body"))
    assert visitor.problems == []
    context.close()


def fits(page: Page, width: int) -> None:
    wide = page.evaluate(
        """(width) => [...document.querySelectorAll("main *, dialog[open] *")]
             .filter((x) => x.getBoundingClientRect().right > width + 0.5 && !x.closest("pre, .sr, .skip"))
             .map((x) => x.outerHTML.slice(0, 80))""",
        width,
    )
    assert wide == []


@pytest.mark.parametrize("path", [pytest.param("/office/", marks=pytest.mark.everyday), "/character/"])
def test_a_narrow_screen_shows_everything_and_its_menu_holds_the_focus(
    browser: Browser, served: Served, path: str
) -> None:
    text = "긴" * 200 + " " + "a" * 200 + "\n```\n" + "code " * 60 + "\n```"
    served.suite.office.answers = served.suite.character.answers = [
        text_answer(text, sources=[{"title": "t" * 90, "url": "https://example.com/" + "u" * 90}])
    ]
    context = browser.new_context(
        locale="ko-KR",
        viewport={"width": 360, "height": 640},
        has_touch=True,
        is_mobile=True,
        color_scheme="dark",
    )
    visitor = Visitor(context, served.address)
    page = visitor.open(path)
    expect(page.locator("#question")).to_have_attribute("enterkeyhint", "enter")
    page.fill("#question", "가" * 200)
    page.press("#question", "Enter")
    assert page.input_value("#question").endswith("\n"), "a touch keyboard's Enter makes a line"
    page.locator("#send").tap()
    expect(page.locator(".facts")).to_be_visible()
    fits(page, 360)
    assert page.locator("#side").evaluate("element => element.inert")
    page.locator("#open-side").tap()
    expect(page.locator("#close-side")).to_be_focused()
    assert page.locator("#main").evaluate("element => element.inert")
    page.keyboard.press("Escape")
    expect(page.locator("#open-side")).to_be_focused()
    page.locator("#open-side").tap()
    page.locator("#open-settings").tap()
    fits(page, 360)
    targets = page.evaluate(
        """() => [...document.querySelectorAll("button, select, .file, .chip")]
             .map((x) => [x.id, x.getBoundingClientRect()])
             .filter(([, box]) => box.width && (box.height < 24 || box.width < 24)).map(([id]) => id)"""
    )
    assert targets == []
    assert visitor.problems == []
    context.close()


def test_every_control_has_a_name_and_the_keyboard_reaches_the_question(visitor: Visitor) -> None:
    page = visitor.open("/character/")
    nameless = page.evaluate(
        """() => {
             const labelled = (x) => [...(x.labels ?? [])].some((label) => label.textContent.trim());
             return [...document.querySelectorAll("button, input, select, textarea, a[href]")]
               .filter((x) => !(x.ariaLabel || x.textContent.trim() || labelled(x)))
               .map((x) => x.outerHTML);
           }"""
    )
    assert nameless == []
    expect(page.locator("#question")).to_be_focused()
    page.reload()
    page.locator("#title").click()
    page.evaluate("document.activeElement.blur()")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()


def test_the_other_service_is_linked_where_it_exists(visitor: Visitor) -> None:
    page = visitor.open("/office/")
    page.get_by_role("link", name="캐릭터 대화 열기").click()
    expect(page.locator("#service-name")).to_have_text("캐릭터 대화")
    assert page.url == f"{visitor.address}/character/"


@pytest.mark.everyday
def test_the_404_page_leads_to_the_chat(visitor: Visitor) -> None:
    page = visitor.open("/nowhere")
    expect(page.locator("h1")).to_contain_text("찾을 수 없는 주소입니다")
    background = page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius")
    assert background == "14px", "the policy lets the page's own style in"
    page.get_by_role("link", name="/office/", exact=True).click()
    expect(page.locator(".welcome h2")).to_have_text("무엇을 도와드릴까요?")
