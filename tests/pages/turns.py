"""What the chat page shows of a conversation, waited for."""

from playwright.sync_api import Page, expect


def expect_shown(page: Page, *texts: str) -> None:
    """Wait until these questions and answers stand on the page, and nothing else."""
    expect(page.locator(".turn .question, .turn .answer")).to_have_text(
        [f"나: {text}" if place % 2 == 0 else text for place, text in enumerate(texts)]
    )


def expect_done(page: Page) -> None:
    """Wait until the answer has ended, and so is stored: its text is shown before."""
    expect(page.locator("#send")).to_be_visible()
