"""Fixtures that every part of the tests shares."""

import pytest
from hypothesis import settings

# Three workers share two cores: how long one example took says nothing. The same examples in every run: what
# one finds was there before the change at hand. New ones are for ./taskw explore.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500, print_blob=True)
# For one property, when what it is of has changed: minutes to an hour.
settings.register_profile("thorough", deadline=None, max_examples=10_000, print_blob=True)
settings.load_profile("suite")

pytest_plugins = ["tests.support.chromium", "tests.support.talkative", "tests.history.servers"]


@pytest.fixture
def anyio_backend() -> str:
    """The application runs on asyncio only."""
    return "asyncio"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that drives a browser is slow, unless it says that it is one of the everyday ones."""
    for item in items:
        if item.get_closest_marker("browser") and not item.get_closest_marker("everyday"):
            item.add_marker(pytest.mark.slow)
