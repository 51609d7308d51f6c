"""A record as a line: what each style shows, and that nothing a field holds can break out of its line."""

import json
import logging
import sys
from datetime import datetime

import pytest

from chatbot.domain.telemetry import REQUEST_ID
from chatbot.server.logging import ForPeople, JsonLines


def record(message: str, *args: object, **fields: object) -> logging.LogRecord:
    made = logging.getLogger("chatbot.x").makeRecord(
        "chatbot.x", logging.WARNING, __file__, 1, message, args, None, extra=fields
    )
    made.created = 1_700_000_000.25
    return made


def failing() -> logging.LogRecord:
    words = "a stranger's words"
    try:
        int(words)
    except ValueError:
        information = sys.exc_info()
    return logging.getLogger("chatbot.x").makeRecord(
        "chatbot.x", logging.ERROR, __file__, 1, "failed", (), information
    )


def test_json_has_the_event_its_fields_and_the_moment() -> None:
    line = json.loads(
        JsonLines().format(record("hello %s", "세계", seconds=1.5, rooms={"a": [1]}, none=None))
    )
    assert line == {
        "event": "hello 세계",
        "level": "warning",
        "logger": "chatbot.x",
        "seconds": 1.5,
        "rooms": {"a": [1]},
        "none": None,
        "timestamp": "2023-11-14T22:13:20.250000Z",
    }
    assert datetime.fromisoformat(line["timestamp"]).timestamp() == 1_700_000_000.25


def test_json_is_one_line_whatever_a_field_holds() -> None:
    text = JsonLines().format(record("two\nlines", odd=object(), more="a\nb", korean="한글"))
    assert "\n" not in text
    assert "한글" in text
    line = json.loads(text)
    assert (line["event"], line["more"]) == ("two\nlines", "a\nb")
    assert line["odd"].startswith("<object object")


def test_people_read_columns_and_quoted_values() -> None:
    text = ForPeople(colours=False).format(
        record("request", path="/office", owner="두 단어", sly="a\nb=c", empty="")
    )
    assert text.startswith("2023-11-14T22:13:20.250000Z [warning ] request ")
    assert text.endswith("[chatbot.x] path=/office owner='두 단어' sly='a\\nb=c' empty=''")


def test_colours_are_for_terminals() -> None:
    assert "\x1b[33m" in ForPeople(colours=True).format(record("request"))
    assert "\x1b" not in ForPeople(colours=False).format(record("request"))


@pytest.mark.parametrize("formatter", [JsonLines(), ForPeople(colours=False)], ids=["json", "console"])
def test_every_line_of_a_request_carries_its_id(formatter: logging.Formatter) -> None:
    token = REQUEST_ID.set("abc-1")
    try:
        assert "abc-1" in formatter.format(record("request"))
    finally:
        REQUEST_ID.reset(token)
    assert "request_id" not in formatter.format(record("request"))


@pytest.mark.parametrize("formatter", [JsonLines(), ForPeople(colours=False)], ids=["json", "console"])
def test_a_traceback_comes_without_a_strangers_words(formatter: logging.Formatter) -> None:
    text = formatter.format(failing())
    assert "ValueError: (message withheld)" in text
    assert "in failing" in text
    assert "stranger's words" not in text
