"""Characters that the page's user keeps, put there and chosen by a test."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, expect
from tests.history.makers import START
from tests.pages.real_suite import RealSuite

from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner
from chatbot.domain.service_names import ServiceName


def keep(page: Page, suite: RealSuite, **fields: Any) -> str:
    """A character of the page's user, by its id."""
    user = page.evaluate("localStorage.getItem('chatbot.user_id')")
    character = CharacterSheet.model_validate({"name": "지우", "context": "등대지기", **fields})
    stored = StoredCharacter(uuid4(), 1, character, START)
    suite.history.characters.stored[Owner(ServiceName("character"), user), stored.id] = stored
    return str(stored.id)


def open_gallery(page: Page) -> None:
    """Open the gallery, in Korean."""
    page.locator("#welcome").get_by_role("button", name="내 캐릭터").click()
    expect(page.locator("#gallery")).to_be_visible()


def play(page: Page, name: str) -> None:
    """Choose the character of this name in the gallery, and wait until it is talked with."""
    open_gallery(page)
    page.locator("#gallery .pick", has_text=name).click()
    expect(page.locator(".welcome h2")).to_have_text(name)


def delete_elsewhere(suite: RealSuite, name: str) -> None:
    """Delete the character of this name, as another device does."""
    kept = suite.history.characters.stored
    for key in [key for key, stored in kept.items() if stored.character.name == name]:
        del kept[key]


def change_elsewhere(suite: RealSuite, **fields: Any) -> None:
    """Change the only character that is kept, as another device does."""
    ((key, stored),) = suite.history.characters.stored.items()
    changed = stored.character.model_copy(update=fields)
    suite.history.characters.stored[key] = replace(stored, version=stored.version + 1, character=changed)
