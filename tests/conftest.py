"""Fixtures that every part of the tests shares."""

import pytest

pytest_plugins = ["tests.support.chromium", "tests.support.talkative", "tests.history.servers"]


@pytest.fixture
def anyio_backend() -> str:
    """The application runs on asyncio only."""
    return "asyncio"
