"""The chat page goes on with an answer that was cut off and that the service finishes: every token once."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.pages.conftest import Visitor
from tests.pages.fake_service import Gate
from tests.pages.real_suite import RealSuite
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.serving import serving_in_thread

from chatbot.domain.messages import Token, Waiting

pytestmark = pytest.mark.browser

WORDS = [f"{number}번째 말 " for number in range(1, 30)] + ["끝."]
WHOLE = "".join(WORDS)


class Line:
    """The network between the page and the suite."""

    def __init__(self, proxy: FaultProxy, loop: asyncio.AbstractEventLoop) -> None:
        self.address = f"http://127.0.0.1:{proxy.port}"
        self._proxy = proxy
        self._loop = loop

    def cut(self, *, dead: bool = False) -> None:
        """Reset every connection; ``dead``: and let none come about until it is mended."""
        self._proxy.faults.refuse = dead
        self._loop.call_soon_threadsafe(self._proxy.cut)

    def mend(self) -> None:
        """Let connections come about again."""
        self._proxy.faults.refuse = False


@contextmanager
def line_to(address: str) -> Iterator[Line]:
    """A line to a served suite, in a thread of its own."""
    ended, ready = asyncio.Event(), threading.Event()
    lines: list[tuple[Line, asyncio.AbstractEventLoop]] = []

    async def run() -> None:
        async with fault_proxy(int(address.rpartition(":")[2])) as proxy:
            loop = asyncio.get_running_loop()
            lines.append((Line(proxy, loop), loop))
            ready.set()
            await ended.wait()

    # Its end cancels what connections have left.
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10), "the line did not start"
    line, loop = lines[0]
    try:
        yield line
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(15)


@pytest.fixture
def line(suite: RealSuite) -> Iterator[Line]:
    """The line to the real suite."""
    with serving_in_thread(suite.app) as address, line_to(address) as line:
        yield line


@pytest.fixture
def visitor(browser: Browser, line: Line) -> Iterator[Visitor]:
    """A Korean visitor who lets the service finish answers."""
    context = browser.new_context(locale="ko-KR")
    # The empty page before the first one has no storage.
    context.add_init_script("if (origin !== 'null') localStorage.setItem('chatbot.finish', '1')")
    visitor = Visitor(context, line.address)
    yield visitor
    context.close()
    assert visitor.problems == []


def requests_of(page: Page) -> list[tuple[str, str]]:
    """What the page asks of the service's answers from now on: method and last part of the path."""
    asked: list[tuple[str, str]] = []

    def note(method: str, url: str) -> None:
        if "/answers/" in url or url.endswith("/Llama"):
            asked.append((method, url.partition("?")[0].rpartition("/")[2]))

    page.on("request", lambda request: note(request.method, request.url))
    return asked


def told(suite: RealSuite) -> list[tuple[str, str]]:
    """What history has."""
    return [(turn.question, turn.answer) for turn in suite.history.turns]


def begun(visitor: Visitor, suite: RealSuite) -> tuple[Page, Gate]:
    """A page in the middle of an answer, and the gate before its second half."""
    gate = Gate()
    tokens = [Token(word) for word in WORDS]
    suite.office.script = (Waiting(1, 1.0), *tokens[:10], gate.passed, *tokens[10:])
    page = visitor.open("/office/")
    visitor.ask(page, "세어 줘")
    expect(page.locator(".answer")).to_have_text("".join(WORDS[:10]).strip())
    return page, gate


def expect_whole(page: Page, suite: RealSuite) -> None:
    """Wait until the whole answer is there, once, and stored once."""
    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator(".turn .question")).to_have_count(1)
    expect(page.locator(".answer")).to_have_text(WHOLE)
    assert told(suite) == [("세어 줘", WHOLE)]


@pytest.mark.everyday
def test_an_answer_goes_on_after_the_network_was_cut(visitor: Visitor, suite: RealSuite, line: Line) -> None:
    page, gate = begun(visitor, suite)
    asked = requests_of(page)
    line.cut()
    expect(page.locator(".state")).to_contain_text("이어 받는 중")
    # What was written stays in sight meanwhile.
    expect(page.locator(".answer")).to_have_text("".join(WORDS[:10]).strip())
    gate.open()
    expect_whole(page, suite)
    assert [method for method, _ in asked] == ["GET"], "it was followed, and not asked again"


def test_a_dead_network_is_waited_out(visitor: Visitor, suite: RealSuite, line: Line) -> None:
    page, gate = begun(visitor, suite)
    asked = requests_of(page)
    line.cut(dead=True)
    gate.open()
    page.wait_for_event("requestfailed", lambda request: "/answers/" in request.url)
    line.mend()
    expect_whole(page, suite)
    assert "POST" not in {method for method, _ in asked}


def test_a_reload_in_the_middle_goes_on(visitor: Visitor, suite: RealSuite) -> None:
    page, gate = begun(visitor, suite)
    asked = requests_of(page)
    for _ in range(2):
        page.reload()
        expect(page.locator(".turn .question")).to_have_text("나: 세어 줘")
        expect(page.locator(".answer")).to_have_text("".join(WORDS[:10]).strip())
    expect(page.locator("#stop")).to_be_visible()
    gate.open()
    expect_whole(page, suite)
    assert [method for method, _ in asked] == ["GET", "GET"]
    # The next question finds a page that is done with this one.
    suite.office.script = (Token("또"),)
    visitor.ask(page, "다시")
    expect(page.locator(".answer")).to_have_text([WHOLE, "또"])


def test_a_continued_answer_goes_on_behind_what_it_had(visitor: Visitor, suite: RealSuite) -> None:
    gate = Gate()
    page = visitor.open("/office/")
    page.evaluate("localStorage.setItem('chatbot.finish', '0')")
    suite.office.script = (Token("옛날에"), gate.passed)
    visitor.ask(page, "이야기")
    expect(page.locator(".answer")).to_have_text("옛날에")
    page.click("#stop")
    page.get_by_role("button", name="이어 쓰기").wait_for()
    page.evaluate("localStorage.setItem('chatbot.finish', '1')")
    suite.office.script = (Token(" 호랑이가"), gate.passed, Token(" 살았다"))
    page.get_by_role("button", name="이어 쓰기").click()
    expect(page.locator(".answer")).to_have_text("옛날에 호랑이가")
    page.reload()
    expect(page.locator(".answer")).to_have_text("옛날에 호랑이가")
    gate.open()
    expect(page.locator(".answer")).to_have_text("옛날에 호랑이가 살았다")
    assert told(suite)[-1] == ("이야기", "옛날에 호랑이가 살았다")


@pytest.mark.parametrize("reloads", [True, False])
def test_where_the_answer_is_not_kept_the_room_is_read(
    visitor: Visitor, suite: RealSuite, line: Line, *, reloads: bool
) -> None:
    page, gate = begun(visitor, suite)

    def elsewhere(route: Route) -> None:
        route.fulfill(status=404, json={"detail": "이 답변은 여기에 없습니다."})

    page.route("**/answers/*", elsewhere)
    if reloads:
        page.reload()
    else:
        line.cut()
    gate.open()
    expect(page.locator(".answer")).to_have_text(WHOLE)
    expect(page.locator("#send")).to_be_visible()
    assert told(suite) == [("세어 줘", WHOLE)]


def test_an_answer_that_failed_meanwhile_says_so(visitor: Visitor, suite: RealSuite) -> None:
    gate = Gate()
    suite.office.script = (Token("반쪽"), gate.passed, RuntimeError("a defect"))
    page = visitor.open("/office/")
    visitor.ask(page, "될까?")
    expect(page.locator(".answer")).to_have_text("반쪽")
    page.reload()
    expect(page.locator(".answer")).to_have_text("반쪽")
    gate.open()
    expect(page.locator(".failed .remark")).to_be_visible()
    page.get_by_role("button", name="다시 보내기").wait_for()
    assert told(suite) == []
