"""Makes the pictures of docs/chat-page.md anew: ``python -m tests.pages.pictures``.

The answers are scripted; everything else is the suite's own HTTP side, as in the browser tests.
"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.pages.kept import open_gallery
from tests.pages.real_suite import RealSuite
from tests.support.fakes import FakeModel
from tests.support.serving import serving_in_thread

from chatbot.domain.avatars import cleaned
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import NewTurn, Owner, Room
from chatbot.domain.messages import Finished, FinishReason, Token, Usage
from chatbot.domain.service_names import ServiceName

FOLDER = Path("docs/img")
USER = "web-pictures"
EARLIER = (
    ("주간 업무 보고서에 들어갈 항목을 정리해 줘", 0),
    ("이번 분기 매출을 한 문단으로 정리해 줘", 1),
    ("신입 사원 교육 일정표를 만들어 줘", 3),
)
SHORT = "제목: 회의 일정 변경 안내\n\n27일 회의를 30일 오전 10시로 옮깁니다."
MAIL = """**제목: 11월 27일 회의 일정 변경 안내**

안녕하세요, 김 과장님. 한빛상사 이지은입니다.
27일 회의를 **30일(월) 오전 10시**로 옮기고자 합니다. 갑작스러운 변경으로 불편을 드려 죄송합니다.

| 항목 | 전 | 뒤 |
|---|---|---|
| 일시 | 27일(금) 오후 2시 | 30일(월) 오전 10시 |
| 장소 | 본사 3층 | 그대로입니다 |

1. 자료는 전날까지 `회의자료_v2.xlsx`로 보내드리겠습니다.
2. 어려우시면 편한 때를 알려 주세요."""
SCENE = """*책갈피를 끼우며 고개를 끄덕인다.*

1897년 한성부 지도라면 마침 복원을 마쳤어요. *장갑을 건네며* 먼지가 조금 있으니 조심해서 펼쳐 보세요."""

LIGHTHOUSE = """<rect width="512" height="512" fill="#1d3557"/>
<circle cx="390" cy="110" r="46" fill="#f4e9c8"/>
<path d="M256 176 L0 60 L0 250 Z" fill="#f6d77a" opacity=".55"/>
<path d="M205 430 L226 200 H286 L307 430 Z" fill="#f1f1ec"/>
<path d="M219 280 H293 L298 335 H214 Z" fill="#c8443c"/>
<rect x="222" y="152" width="68" height="48" fill="#f6d77a"/>
<path d="M212 152 L256 112 L300 152 Z" fill="#c8443c"/>
<rect y="430" width="512" height="82" fill="#12243c"/>"""
BOAT = """<rect width="512" height="512" fill="#f3c9a5"/>
<circle cx="256" cy="250" r="90" fill="#e8795a"/>
<path d="M246 120 V350 H110 Z" fill="#fbf6ea"/>
<path d="M266 160 V350 H380 Z" fill="#f0e4cc"/>
<path d="M90 370 H420 L370 440 H140 Z" fill="#7a4a32"/>
<rect y="420" width="512" height="92" fill="#3f7f8c"/>"""
KEPT = (
    ("지우", "외딴섬의 등대지기. 밤마다 불을 켜고 돌아올 배를 기다린다.", LIGHTHOUSE),
    ("민준", "말수 적은 뱃사람. 날씨와 별자리는 누구보다 잘 안다.", BOAT),
    ("레이철", "오래된 지도를 좋아하는 도서관 사서. 담백한 농담을 즐긴다.", ""),
)


def says(model: FakeModel, answer: str) -> None:
    """Let the model answer so from now on, with plausible numbers."""
    model.script = (1.0, Token(answer), Finished(FinishReason.STOP, Usage(120, 99, 48), 0.01, 0.09, 0.96))


def answered(page: Page, answer: str) -> None:
    """Wait until this answer stands on the page."""
    page.locator(".turn .answer", has_text=answer.splitlines()[-1][-12:]).wait_for()
    page.locator(".facts").last.wait_for()
    page.wait_for_timeout(500)


def asked(page: Page, model: FakeModel, question: str, answer: str) -> None:
    """Ask a question that is answered so."""
    says(model, answer)
    page.fill("#question", question)
    page.click("#send")
    answered(page, answer)


def wide(browser: Browser, suite: RealSuite, address: str) -> None:
    """The office on a wide screen: a second answer, rooms of some days, one of them pinned."""
    now = datetime.now(UTC)
    for question, days in EARLIER:
        room = Room(ServiceName("office"), USER, uuid4())
        suite.history.store.put(
            NewTurn(uuid4(), room, question, "네", "fake-model", now - timedelta(days=days, minutes=9))
        )
    with browser.new_context(locale="ko-KR", viewport={"width": 1120, "height": 840}) as context:
        page = context.new_page()
        page.goto(f"{address}/office/")
        page.evaluate("(user) => localStorage.setItem('chatbot.user_id', user)", USER)
        page.reload()
        page.get_by_role("button", name=f"‘{EARLIER[2][0]}’ 바꾸기").click()
        page.get_by_label("목록 맨 위에 고정").check()
        page.get_by_role("button", name="저장").click()
        page.locator("#room").wait_for(state="hidden")
        asked(page, suite.office, "거래처에 회의 일정 변경을 알리는 메일을 써 줘", SHORT)
        says(suite.office, MAIL)
        page.get_by_role("button", name="다시 답하기").click()
        answered(page, MAIL)
        page.screenshot(path=FOLDER / "chat-wide.png")


def narrow(browser: Browser, suite: RealSuite, address: str) -> None:
    """The character on a phone in the dark."""
    with browser.new_context(
        locale="ko-KR",
        viewport={"width": 360, "height": 720},
        color_scheme="dark",
        has_touch=True,
        is_mobile=True,
    ) as context:
        page = context.new_page()
        page.goto(f"{address}/character/")
        asked(page, suite.character, "*손을 흔들며* 안녕하세요, 한성 옛 지도를 보고 싶어요.", SCENE)
        page.screenshot(path=FOLDER / "chat-phone.png")


def drawn(browser: Browser, drawing: str) -> bytes | None:
    """A drawing of 512 units a side as the picture of a character; None for an empty one."""
    if not drawing:
        return None
    with browser.new_context(viewport=ViewportSize(width=512, height=512)) as context:
        page = context.new_page()
        style = "<style>body { margin: 0 } svg { display: block }</style>"
        page.set_content(f'{style}<svg width="512" height="512">{drawing}</svg>')
        return cleaned(page.screenshot())


def gallery(browser: Browser, suite: RealSuite, address: str) -> None:
    """The gallery with some characters, one of them talked with."""
    owner, kept = Owner(ServiceName("character"), USER), suite.history.characters.stored
    for days, (name, about, drawing) in enumerate(KEPT):
        sheet = CharacterSheet(name=name, context=about, greeting="어서 와.")
        changed = datetime.now(UTC) - timedelta(days=days)
        stored = StoredCharacter(uuid4(), 1, sheet, changed, drawn(browser, drawing))
        kept[owner, stored.id] = stored
    with browser.new_context(
        locale="ko-KR", viewport=ViewportSize(width=900, height=660), reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(f"{address}/character/")
        page.evaluate("(user) => localStorage.setItem('chatbot.user_id', user)", USER)
        page.reload()
        open_gallery(page)
        page.locator("#gallery .pick", has_text=KEPT[0][0]).click()
        page.locator(".welcome h2", has_text=KEPT[0][0]).wait_for()
        open_gallery(page)
        page.locator("#gallery .portrait img").nth(1).wait_for()
        page.mouse.move(0, 0)
        page.screenshot(path=FOLDER / "gallery.png")


def main() -> None:
    """Make all pictures."""
    suite = RealSuite()
    suite.office.name, suite.character.name = "Bllossom-8B", "DarkIdol-8B"
    with sync_playwright() as playwright, serving_in_thread(suite.app) as address:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        wide(browser, suite, address)
        narrow(browser, suite, address)
        gallery(browser, suite, address)
        browser.close()


if __name__ == "__main__":
    main()
