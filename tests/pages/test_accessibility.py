"""Every page that a person sees, judged by axe-core, which knows what screen readers and weak eyes need."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.loadtest.browsing import drawn
from tests.loadtest.published import NAME, finished_run, web_server
from tests.pages.conftest import serving
from tests.pages.fake_service import text_answer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOM = "123e4567-e89b-12d3-a456-426614174000"
OTHER_ROOM = "123e4567-e89b-12d3-a456-426614174001"

TABLE = (
    "## 요약\n\n| 항목 | 값 |\n|---|---|\n| 하나 | 1 |\n\n```python\nprint(1)\n```\n\n"
    "> *인용*\n\n1. `코드`와 $x^2$\n\n$$\\frac{1}{2}$$"
)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    results = tmp_path_factory.mktemp("results")
    finished_run(results)
    with serving() as served, web_server(results) as runs:
        sources = [{"title": "국어원", "url": "https://www.korean.go.kr/"}]
        served.suite.office.store(ROOM, "멈춘 질문", "반쪽")
        served.suite.office.rooms[ROOM][0] |= {"siblings": [str(uuid4()), ROOM], "id": ROOM}
        served.suite.office.rooms[ROOM][0]["finish_reason"] = "stopped"
        for id_ in (OTHER_ROOM, str(uuid4())):
            served.suite.office.store(OTHER_ROOM, "긴 대화", "네", id_, turns_read=0)
        summary = {"index": 1, "text": "앞의 요약", "edited": True, "created_at": "2026-11-24T03:00:00+00:00"}
        served.suite.office.summaries = [{"turn": OTHER_ROOM, **summary}]
        served.suite.office.answers = [text_answer(TABLE, search_status="ok", sources=sources)]
        yield {"suite": served.address, "runs": runs}


def answered(page: Page) -> None:
    page.fill("#question", "표로 정리해 줘")
    page.press("#question", "Enter")
    page.locator(".sources a").wait_for()


def searched(page: Page) -> None:
    hit = {"db_id": ROOM, "title": "멈춘 질문", "turn": ROOM, "excerpt": "여기 반쪽이 있다"}
    page.route("**/rooms/search?*", lambda route: route.fulfill(json={"found": [hit], "complete": False}))
    page.fill("#filter", "반쪽")
    page.locator(".room mark").wait_for()
    page.locator(".room").click()
    page.locator(".turn:focus").wait_for()


def imported(page: Page) -> None:
    page.click("#open-import")
    page.set_input_files("#chat-files", {"name": "a.json", "mimeType": "", "buffer": b"{}"})
    page.locator("#import-report .failed").wait_for()


def cut(page: Page) -> None:
    page.locator(".cut-line summary").click()
    page.locator(".summary-text").wait_for()


def pins(page: Page) -> None:
    page.click("#edit-facts")
    page.locator("#facts textarea").wait_for()


def charted(page: Page) -> None:
    drawn(page)
    for table in page.locator("figure summary").all():
        table.click()


KEPT = {
    "id": ROOM,
    "version": 1,
    "name": "지우",
    "excerpt": "등대지기",
    "updated_at": "2026-11-24T03:00:00+00:00",
    "avatar": False,
}
WHOLE = {
    **KEPT,
    "nickname": "",
    "greeting": "왔구나!",
    "alternate_greetings": ["여기야!"],
    "context": "등대지기",
    "example_dialogue": "",
    "post_history_instructions": "",
    "lorebook": {"entries": [{"keys": ["등대"], "content": "백 년 되었다.", "enabled": True}]},
    "card": {},
    "unsupported": [],
}


def keeps(page: Page) -> None:
    page.route("**/characters?*", lambda route: route.fulfill(json={"characters": [KEPT]}))
    page.route(f"**/characters/{ROOM}?*", lambda route: route.fulfill(json=WHOLE))
    page.locator("#welcome").get_by_role("button", name="내 캐릭터").click()
    page.locator(".pick").wait_for()


def edits(page: Page) -> None:
    keeps(page)
    page.get_by_role("button", name="‘지우’ 고치기").click()
    page.locator(".lore summary").click()
    page.locator(".lore textarea").first.wait_for()


def plays(page: Page) -> None:
    keeps(page)
    page.locator(".pick").click()
    page.locator(".greeting-choice").wait_for()
    page.get_by_role("button", name="작가의 말").click()


def lost(page: Page) -> None:
    plays(page)
    page.get_by_role("button", name="취소").last.click()
    page.route(f"**/characters/{ROOM}?*", lambda route: route.fulfill(status=404, json={"detail": "없다"}))
    page.reload()
    page.locator(".persona p", has_text="삭제되었습니다").wait_for()


STATES: dict[str, tuple[str, str, Callable[[Page], object]]] = {
    "office": ("suite", "/office/", lambda page: page.locator(".suggestion").first.wait_for()),
    "answered": ("suite", "/office/", answered),
    "branches": ("suite", f"/office/#{ROOM}", lambda page: page.locator(".swipe").wait_for()),
    "room form": ("suite", f"/office/#{ROOM}", lambda page: page.locator(".rooms .icon").first.click()),
    "cut": ("suite", f"/office/#{OTHER_ROOM}", cut),
    "pinned facts": ("suite", f"/office/#{ROOM}", pins),
    "search": ("suite", "/office/", searched),
    "settings": ("suite", "/office/", lambda page: page.click("#open-settings")),
    "import": ("suite", "/office/", imported),
    "answer settings": ("suite", "/office/", lambda page: page.click("#edit-generation")),
    "character": ("suite", "/character/", lambda page: page.locator(".persona").wait_for()),
    "character form": ("suite", "/character/", lambda page: page.click("#edit-character")),
    "gallery": ("suite", "/character/", keeps),
    "character editor": ("suite", "/character/", edits),
    "greetings and note": ("suite", "/character/", plays),
    "deleted character": ("suite", "/character/", lost),
    "404": ("suite", "/nowhere", lambda page: page.locator("h1").wait_for()),
    "run list": ("runs", "/", lambda page: page.locator("#run-list a").wait_for()),
    "dashboard": ("runs", f"/?run={NAME}", charted),
}


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(browser: Browser, addresses: dict[str, str], state: str) -> None:
    where, path, prepare = STATES[state]
    with browser.new_context(locale="ko-KR", color_scheme="light", reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(addresses[where] + path)
        prepare(page)
        light = Axe().run(page)
        page.emulate_media(color_scheme="dark")
        # Only colours change, so only they need a second look.
        dark = Axe().run(page, options={"runOnly": ["color-contrast"]})
    assert light.violations_count == 0, light.generate_report()
    assert dark.violations_count == 0, dark.generate_report()
