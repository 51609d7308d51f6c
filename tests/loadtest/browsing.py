"""Pages in headless Chromium: offline, and any console message or foreign request fails the test."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request

_READ = """() => Object.fromEntries([...document.querySelectorAll('[data-testid]')].map(
  (e) => [e.dataset.testid, {value: e.dataset.value ?? null, text: e.textContent}]))"""


@contextmanager
def opened(
    browser: Browser, *, allowed: str = "file://", forgiven: str = "", **context: Any
) -> Iterator[Page]:
    """A page that may talk to `allowed` addresses only and must not complain, but for `forgiven` words."""
    complaints: list[str] = []
    with browser.new_context(**context) as own:
        page = own.new_page()

        def watch(request: Request) -> None:
            if not request.url.startswith((allowed, "data:", "blob:")):
                complaints.append(f"request: {request.url}")

        page.on("request", watch)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        yield page
    unforgiven = [complaint for complaint in complaints if not forgiven or forgiven not in complaint]
    assert not unforgiven, unforgiven


def load(page: Page, *paths: Path) -> dict[str, dict[str, str]]:
    """Opens files through the page's own picker and reads every number that it shows."""
    before = page.evaluate("document.body.dataset.shown")
    page.set_input_files("#open-file", [str(path) for path in paths])
    page.wait_for_function(
        "([before, count]) => Number(document.body.dataset.shown) >= Number(before) + count",
        arg=[before, len(paths)],
    )
    return read(page)


def read(page: Page) -> dict[str, dict[str, str]]:
    """Every shown number: its exact value and its text."""
    found: dict[str, dict[str, str]] = page.evaluate(_READ)
    return found


def drawn(page: Page) -> None:
    """Waits until the charts stand too."""
    page.wait_for_function(
        "() => document.body.dataset.drawn && document.body.dataset.drawn === document.body.dataset.shown"
    )


def number(shown: dict[str, str]) -> float | None:
    """The exact value of a shown number; None for the dash."""
    return float(shown["value"]) if shown["value"] else None


def grouped(text: str) -> int:
    """A count as people read it."""
    assert re.fullmatch(r"\d{1,3}(,\d{3})*", text), text
    return int(text.replace(",", ""))
