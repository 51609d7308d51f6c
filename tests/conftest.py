"""Fixtures that every part of the tests shares."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The application runs on asyncio only."""
    return "asyncio"
