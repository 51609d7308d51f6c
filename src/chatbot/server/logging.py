"""Logging, set up once: stdlib loggers everywhere, structlog renders them as JSON or for people.

Chat text never reaches a logger: modules log events with named fields, and no field holds a question, an
answer, a persona or a key. Tracebacks come without messages of strangers, see chatbot.server.tracebacks.
"""

import asyncio
import logging
import logging.config
import sys
from typing import Any, Literal

import structlog

from chatbot.domain.telemetry import REQUEST_ID
from chatbot.server.tracebacks import withhold_messages

_log = logging.getLogger(__name__)


def _with_request_id(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A structlog processor: every line of a request carries its id."""
    if request_id := REQUEST_ID.get():
        event.setdefault("request_id", request_id)
    return event


def set_up_logging(style: Literal["json", "console"], level: str) -> None:
    """Send every logger's records to stdout in one style."""
    shared: list[structlog.typing.Processor] = [
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        withhold_messages,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "suite": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "formatter": "suite",
                    "stream": "ext://sys.stdout",
                }
            },
            "root": {"handlers": ["stdout"], "level": level},
            "loggers": {
                # Each of these speaks for every request; the suite's own access line says it once.
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
                "uvicorn": {"level": "WARNING"},
                "aiosqlite": {"level": "WARNING"},
                "pymongo": {"level": "WARNING"},
            },
        }
    )


def log_loop_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Let errors that reach nobody but the event loop be told like all others.

    The loop's own way prints the exception as a representation of its task, message and all.
    """

    def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        _log.error(
            "event_loop_error", extra={"reason": context["message"]}, exc_info=context.get("exception")
        )

    loop.set_exception_handler(tell)
