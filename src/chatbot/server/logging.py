"""Logging, set up once: stdlib loggers everywhere, one line a record, as JSON or for people.

Chat text never reaches a logger: modules log events with named fields, and no field holds a question, an
answer, a persona or a key. Tracebacks come without messages of strangers, see chatbot.server.tracebacks.

The formatters are our own because every process imports them before it serves: structlog would bring rich
and attrs, a tenth of a second of each start.
"""

import asyncio
import json
import logging
import logging.config
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import typer

from chatbot.domain.telemetry import REQUEST_ID
from chatbot.server.tracebacks import formatted

_log = logging.getLogger(__name__)

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"taskName"}
"""Attributes that every record has; the others are the fields of ``extra``."""

_COLOURS = {"DEBUG": "bright_black", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The record's named fields; every line of a request carries its id."""
    request_id = REQUEST_ID.get()
    own = {"request_id": request_id} if request_id else {}
    return own | {name: value for name, value in vars(record).items() if name not in _OWN}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _trace(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return formatted(error) if error else ""


class JsonLines(logging.Formatter):
    """An object a line: ``event``, ``level``, ``logger``, its fields, ``timestamp`` (UTC), ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. What JSON has no word for is shown as Python would."""
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_fields(record),
            "timestamp": _moment(record),
        }
        if trace := _trace(record):
            line["exception"] = trace
        return json.dumps(line, ensure_ascii=False, default=repr)


class ForPeople(logging.Formatter):
    """Columns, then ``name=value``; colours by level where the output is a terminal."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. A value with spaces or line feeds is quoted: a record stays one line."""
        level = f"{record.levelname.lower():8}"
        if self._colours:
            level = typer.style(level, fg=_COLOURS.get(record.levelname, "green"), bold=True)
        fields = "".join(f" {name}={_shown(value)}" for name, value in _fields(record).items())
        line = f"{_moment(record)} [{level}] {record.getMessage():30} [{record.name}]{fields}"
        trace = _trace(record)
        return f"{line}\n{trace}" if trace else line


def _shown(value: object) -> str:
    plain = isinstance(value, str) and value.isprintable() and value and " " not in value
    return str(value) if plain else repr(value)


def set_up_logging(style: Literal["json", "console"], level: str) -> None:
    """Send every logger's records to stdout in one style."""
    formatter: dict[str, Any] = (
        {"()": JsonLines} if style == "json" else {"()": ForPeople, "colours": sys.stdout.isatty()}
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"suite": formatter},
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
