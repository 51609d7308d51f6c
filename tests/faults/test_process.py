"""The whole product as a process: its end, its signals and its files, whatever its clients do."""

import asyncio
import resource
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from tests.support.gguf_factory import Plan, write_model
from tests.support.raw_http import get, raw_connection
from tests.system.running_suite import RunningSuite, running_suite

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DRAIN_SECONDS = 4


@pytest.fixture
def anyio_backend() -> str:
    """The clients' loop; the product brings its own."""
    return "asyncio"


@contextmanager
def _suite(folder: Path) -> Iterator[RunningSuite]:
    model = str(write_model(folder / "random.gguf", Plan()))
    settings = {
        "CHATBOT_OFFICE__MODEL": model,
        "CHATBOT_CHARACTER__MODEL": model,
        "CHATBOT_OFFICE__MAX_TOKENS": "4",
        "CHATBOT_DRAIN_SECONDS": str(DRAIN_SECONDS),
    }
    with running_suite(folder, **settings) as suite:
        yield suite


def _remember_much(folder: Path) -> None:
    """Write a room of three thousand long turns into the suite's database."""
    room, question, answer = str(UUID(int=1)), "질문", "가" * 2000
    turns = [
        (str(UUID(int=number)), "office", "u", room, number, question, answer, "m", 1_700_000_000_000)
        for number in range(1, 3001)
    ]
    with sqlite3.connect(folder / "history.sqlite3") as database:
        database.executemany(
            "insert into turns (id, service, user_id, db_id, turn_index, question, answer, model, created_ms)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            turns,
        )


async def test_an_unread_export_delays_the_end_by_the_drain_s_seconds_at_most(tmp_path: Path) -> None:
    with _suite(tmp_path) as suite:
        _remember_much(tmp_path)
        async with raw_connection(suite.gateway, unread=True) as client:
            await client.send(get("/office/rooms/export?user_id=u"))
            await client.reader.readuntil(b"\r\n\r\n")
            begun = time.monotonic()
            suite.process.send_signal(signal.SIGTERM)
            async with httpx.AsyncClient(base_url=suite.gateway) as other:
                while (await other.post("/office/Llama", json={"input_data": "x"})).status_code != 503:
                    await asyncio.sleep(0.05)
                await asyncio.sleep(DRAIN_SECONDS / 2 - (time.monotonic() - begun))
                # Halfway through the drain the listener is still open, and says when to come back.
                refused = await other.post("/office/Llama", json={"input_data": "x"})
                assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            assert await asyncio.to_thread(suite.process.wait, 30) == 0
            took = time.monotonic() - begun
    assert took > DRAIN_SECONDS - 0.5
    assert "connections_cut" in suite.log.read_text()


def test_more_connections_than_the_usual_files_shut_nobody_out(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    with ExitStack() as stack:
        try:
            suite = stack.enter_context(_suite(tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        place = urlsplit(suite.office)
        for _ in range(600):
            stack.enter_context(socket.create_connection((place.hostname or "", place.port or 0)))
        assert httpx.get(f"{suite.office}/healthz", timeout=30).status_code == 200
        answered = httpx.post(f"{suite.office}/office/Llama", json={"input_data": "x"}, timeout=60)
        assert answered.status_code == 200


def test_sighup_reads_the_keys_again_and_ends_nothing(tmp_path: Path) -> None:
    with _suite(tmp_path) as suite:
        suite.process.send_signal(signal.SIGHUP)
        for _ in range(3):
            assert httpx.get(f"{suite.office}/readyz").status_code == 200
            time.sleep(0.1)
        assert suite.end(signal.SIGTERM, 20) == 0
