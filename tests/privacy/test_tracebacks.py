"""A defect is told with its place and its request, and without a word of what was being said."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import httpx
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.serving import serving
from tests.support.talkative import Talk

from chatbot.api.app import create_app
from chatbot.domain.errors import ModelFailed
from chatbot.domain.history import HistoryUnavailable, NewTurn, Stored
from chatbot.domain.messages import Token
from chatbot.server.logging import log_loop_errors
from chatbot.server.tracebacks import formatted

pytestmark = pytest.mark.anyio

CANARY = "카나리아 canary-4711"
ASK = {"input_data": CANARY, "user_id": "canary-user"}
STREAM = {"Accept": "text/event-stream"}
STYLES = ("json", "console")


def chained() -> Exception:
    """A failure of ours over one that quotes, as a library's often does."""
    failure = ModelFailed("the decode failed")
    failure.__cause__ = KeyError(CANARY)
    return failure


def grouped() -> Exception:
    return ExceptionGroup(CANARY, [ValueError(CANARY), OSError(5, "Input/output error", CANARY)])


def quoting() -> Exception:
    return UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY)


DEFECTS: tuple[Callable[[], Exception], ...] = (chained, grouped, quoting)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("face", ["plain", "stream", "openai"])
async def test_a_defect_shows_its_frames_once_and_never_the_text(
    face: str,
    defect: Callable[[], Exception],
    style: Literal["json", "console"],
    talk: Talk,
    capsys: pytest.CaptureFixture[str],
) -> None:
    talk(style)
    error = defect()
    async with client_of(service_state(model=FakeModel(Token(CANARY), error))) as client:
        path, body = "/office/Llama", ASK
        if face == "openai":
            path = "/office/v1/chat/completions"
            body = {"messages": [{"role": "user", "content": CANARY}]}  # type: ignore[dict-item]
        headers = {"X-Request-Id": "r-1", **(STREAM if face == "stream" else {})}
        answer = await client.post(path, json=body, headers=headers)
    output = capsys.readouterr()
    text = output.out + output.err
    assert answer.status_code == (200 if face == "stream" else 500)
    assert "canary" not in text
    assert "카나리아" not in text
    assert "\\uce74" not in text
    assert text.count("answer_failed") == 1
    assert type(error).__qualname__ in text
    assert "reply.py" in text
    if style == "json":
        told = [line for line in lines(text) if line.get("request_id") == "r-1"]
        assert [line["event"] for line in told] == ["answer_failed", "request"]


@pytest.mark.parametrize("style", STYLES)
async def test_an_answer_that_nobody_waits_for_tells_its_defect_too(
    style: Literal["json", "console"], talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    talk(style)
    state = service_state(model=FakeModel(0.3, ValueError(CANARY)))
    async with serving(create_app(state)) as url, httpx.AsyncClient(timeout=0.15) as client:
        with pytest.raises(httpx.TimeoutException):
            await client.post(f"{url}/office/Llama", json=ASK, headers={"X-Finish": "1"})
        await state.chat.statistics.until_idle()
    text = capsys.readouterr().out
    assert text.count("answer_failed") == 1
    assert "canary" not in text


async def test_an_answer_that_can_be_kept_nowhere_is_a_503_and_no_defect(
    talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    class FullDisk(MemoryHistory):
        async def remember(self, turn: NewTurn) -> Stored:
            raise HistoryUnavailable("neither the database nor the disk took the turn")

    talk("json")
    async with client_of(service_state(history=FullDisk())) as client:
        answer = await client.post("/office/Llama", json=ASK)
    assert answer.status_code == 503
    assert "answer_failed" not in capsys.readouterr().out


async def test_what_only_the_event_loop_hears_is_told_without_its_message(
    talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    async def forgotten() -> None:
        raise ValueError(CANARY)

    talk("console")
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    log_loop_errors(loop)
    try:
        task = asyncio.create_task(forgotten())
        await asyncio.wait((task,))
        del task
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(before)
    text = capsys.readouterr().out
    assert "event_loop_error" in text
    assert "ValueError" in text
    assert "canary" not in text


async def test_an_address_with_a_question_or_terminal_codes_in_it_is_not_repeated(
    talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    talk("console")
    async with client_of(service_state()) as client:
        await client.get("/office/카나리아는%1b[31m 노래합니다")
    text = capsys.readouterr().out
    assert "path=/office/?????" in text.replace("\x1b[0m", "")
    assert "카나리아" not in text
    assert "\x1b[31m" not in text


def test_a_message_of_the_suite_and_a_number_of_the_system_are_kept() -> None:
    failure = ModelFailed("the file went away")
    failure.__cause__ = FileNotFoundError(2, "No such file or directory", CANARY)
    assert formatted(failure).splitlines() == [
        "FileNotFoundError: [Errno 2] No such file or directory",
        "which was the cause of:",
        "chatbot.domain.errors.ModelFailed: the file went away",
    ]
