"""Fixtures that every part of the tests shares."""

import pytest
from hypothesis import settings

# Three workers share two cores: how long one example took says nothing.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

pytest_plugins = ["tests.support.chromium", "tests.support.talkative", "tests.history.servers"]


@pytest.fixture
def anyio_backend() -> str:
    """The application runs on asyncio only."""
    return "asyncio"
