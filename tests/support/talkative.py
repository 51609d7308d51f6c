"""The suite's own logging at its most talkative, undone after the test."""

import logging
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from chatbot.server.logging import set_up_logging

Talk = Callable[[Literal["json", "console"]], None]


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Call with a style: everything is logged at DEBUG in it, to the standard output of that moment."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    named = {
        name: logger.level
        for name, logger in root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield lambda style: set_up_logging(style, "DEBUG")
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(named.get(name, logging.NOTSET))
