"""The pages on a real port and a browser to look at them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from tests.pages.fake_service import Suite
from tests.pages.kept import keep, play
from tests.pages.real_suite import RealSuite
from tests.support.serving import serving_in_thread

from chatbot.api.notfound import not_found
from chatbot.api.pages import pages_router
from chatbot.domain.messages import Sampling
from chatbot.services.registry import SERVICES

# A busy machine may take its time to load a page; what never comes fails all the same.
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


def hold(page: Page, url: str, method: str | None = None) -> list[Route]:
    """Requests of the page to the address, by that method if one is named: they come, and nobody answers."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        if method in (None, route.request.method):
            held.append(route)
        else:
            route.fallback()

    page.route(url, keep)
    return held


class Served:
    """A running suite; ``address`` has no slash at its end."""

    def __init__(self, suite: Suite, address: str) -> None:
        self.suite = suite
        self.address = address


def pages_app() -> FastAPI:
    """Only what this part serves: the pages of both services and the 404."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for name, service in SERVICES.items():
        app.include_router(pages_router(service, Sampling()), prefix=f"/{name}")

    async def missing(request: Request, _: Exception) -> Response:
        return not_found(request.headers, SERVICES)

    app.add_exception_handler(404, missing)
    return app


@contextmanager
def serving() -> Iterator[Served]:
    """A fresh fake suite on a free port."""
    suite = Suite(pages_app())
    with serving_in_thread(suite) as address:
        yield Served(suite, address)


@pytest.fixture
def served() -> Iterator[Served]:
    """A fresh fake suite for each test."""
    with serving() as served:
        yield served


class Visitor:
    """A browser context that notes everything a page complains of."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.problems: list[str] = []
        self.foreign: list[str] = []
        context.on("request", self._note_request)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        context.on("console", lambda message: self._note(message.type, message.text))

    def _note(self, kind: str, text: str) -> None:
        # A refusal that a test asked for is logged by the browser as well; it is no fault of the page.
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            self.problems.append(text)

    def _note_request(self, request: object) -> None:
        url: str = request.url  # type: ignore[attr-defined]
        if not url.startswith((self.address, "data:", "blob:")):
            self.foreign.append(url)

    def open(self, path: str) -> Page:
        """Open a page of the suite."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{self.address}{path}")
        return page

    def open_with_stopped_clock(self, path: str) -> Page:
        """Open a page whose timers run only when ``page.clock.run_for`` says so."""
        now = datetime.now(UTC)
        self.context.clock.install(time=now)
        page = self.open(path)
        page.clock.pause_at(now + timedelta(hours=1))
        return page

    def expect_drawn(self, page: Page, selector: str, text: str) -> None:
        """Let a stopped clock's frames pass until ``text`` has arrived and is drawn."""
        place = page.locator(selector)
        for _ in range(WAIT_MS // 50):
            page.clock.run_for(20)
            if place.text_content() == text:
                break
            page.wait_for_timeout(50)
        expect(place).to_have_text(text)

    def ask(self, page: Page, question: str) -> None:
        """Type a question and send it by Enter, once one may be asked: no room is being read."""
        page.fill("#question", question)
        expect(page.locator("#send")).to_be_enabled()
        page.press("#question", "Enter")

    def change_user(self, page: Page, user: str) -> None:
        """Choose another user in the settings, in Korean."""
        page.click("#open-settings")
        page.fill("#user-id", user)
        page.locator("#settings").get_by_role("button", name="저장").click()
        expect(page.locator("#settings")).to_be_hidden()


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    """A Korean visitor; after the test nothing may have been complained of or asked elsewhere."""
    context = browser.new_context(
        locale="ko-KR", viewport={"width": 1280, "height": 800}, accept_downloads=True
    )
    visitor = Visitor(context, served.address)
    yield visitor
    context.close()
    assert visitor.problems == []
    assert visitor.foreign == []


@pytest.fixture
def suite() -> RealSuite:
    """The suite's real HTTP side with models that play."""
    return RealSuite()


@pytest.fixture
def real_visitor(browser: Browser, suite: RealSuite) -> Iterator[Visitor]:
    """A Korean visitor of the real HTTP side; nothing may be complained of or asked elsewhere."""
    with serving_in_thread(suite.app) as address:
        context = browser.new_context(locale="ko-KR")
        visitor = Visitor(context, address)
        yield visitor
        context.close()
    assert visitor.problems == []
    assert visitor.foreign == []


@pytest.fixture
def played(page: Page, suite: RealSuite) -> None:
    """지우 is kept, and talked with on the file's own ``page``."""
    keep(page, suite)
    play(page, "지우")
