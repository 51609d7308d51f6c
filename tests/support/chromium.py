"""Debian's Chromium for every test that looks at a page."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser for one file: playwright's event loop must not outlive it, or async tests fail."""
    path = shutil.which("chromium")
    assert path, "the page tests need Chromium (Debian: apt-get install chromium fonts-noto-cjk)"
    with sync_playwright() as playwright:
        # Root inside containers has no user namespace for the sandbox; only pages of this suite are opened.
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()
