"""How the product ends: SIGTERM finishes what runs and refuses what comes, SIGKILL leaves no half turn."""

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.support.ports import held_ports
from tests.system.running_suite import MODELS, environment_without_settings, running_suite

pytestmark = [pytest.mark.anyio, pytest.mark.real_model, pytest.mark.slow, pytest.mark.timeout(180)]


async def _stream(client: httpx.AsyncClient, body: Mapping[str, object]) -> list[str]:
    """The names of the events of one streamed answer."""
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", "/office/Llama", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        return [
            line.removeprefix("event: ") async for line in answer.aiter_lines() if line.startswith("event: ")
        ]


async def test_sigterm_finishes_the_streams_refuses_newcomers_and_leaves(tmp_path: Path) -> None:
    with running_suite(tmp_path, CHATBOT_OFFICE__MAX_TOKENS="96") as suite:
        async with httpx.AsyncClient(base_url=suite.gateway, timeout=100) as client:
            body = {"input_data": "회의록을 쓰는 방법을 알려 주세요.", "user_id": "u"}
            streams = [asyncio.create_task(_stream(client, body)) for _ in range(4)]
            while suite.metric("chatbot_active_requests", service="office") < 4:
                await asyncio.sleep(0.02)
            suite.process.send_signal(signal.SIGTERM)
            while httpx.get(f"{suite.office}/readyz").status_code != 503:
                await asyncio.sleep(0.02)
            refused = await client.post("/office/Llama", json=body)
            events = await asyncio.gather(*streams)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert [names[-1] for names in events] == ["done"] * 4
        assert await asyncio.to_thread(suite.process.wait, 20) == 0
    stored = sqlite3.connect(tmp_path / "history.sqlite3").execute("select count(*) from turns").fetchone()
    assert stored == (4,)


async def test_sigkill_leaves_only_whole_turns(tmp_path: Path) -> None:
    room = str(uuid4())
    told: list[tuple[str, str]] = []
    with running_suite(tmp_path, CHATBOT_OFFICE__MAX_TOKENS="8") as suite:
        async with httpx.AsyncClient(base_url=suite.gateway, timeout=100) as client:

            async def ask() -> None:
                for number in range(100):
                    body = {"input_data": f"질문 {number}", "user_id": "u", "db_id": room}
                    answer = await client.post("/office/Llama", json=body)
                    told.append((body["input_data"], answer.json()))

            asking = asyncio.create_task(ask())
            while len(told) < 3:
                await asyncio.sleep(0.01)
            suite.process.send_signal(signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                await asking
    with running_suite(tmp_path) as suite:
        page = httpx.get(f"{suite.gateway}/office/rooms/{room}", params={"user_id": "u", "limit": 200}).json()
    turns = [(turn["input_data"], turn["output_data"]) for turn in page["turns"]]
    # Everything that was answered is there; at most the one question under way may be there too.
    assert turns[: len(told)] == told
    assert len(turns) - len(told) in (0, 1)
    assert [turn["index"] for turn in page["turns"]] == list(range(1, len(turns) + 1))


def _ended(folder: Path, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """``chatbot COMMAND`` with these settings, run to its end."""
    own = {"CHATBOT_DATA_DIR": str(folder), "CHATBOT_MODELS_DIR": str(MODELS), **settings}
    return subprocess.run(
        [Path(sys.executable).with_name("chatbot"), command],
        env=environment_without_settings() | own,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("CHATBOT_OFFICE__MODEL", "absent.gguf", "there is no model file absent.gguf"),
        ("CHATBOT_OFFICE__MODEL", "broken.gguf", "is no GGUF model"),
        ("CHATBOT_OFFICE__GPU_LAYERS", "-1", "compiled without GPU support"),
        ("CHATBOT_ACCESS__KEYS_FILE", "none.json", "none.json cannot be read"),
        ("CHATBOT_DATA_DIR", "broken.gguf", "cannot be used"),
        ("CHATBOT_HOST", "nowhere.invalid", "cannot listen on nowhere.invalid"),
    ],
)
def test_a_start_that_cannot_work_is_one_sentence_that_names_the_setting(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but not really")
    settings = {"CHATBOT_OFFICE__PORT": "0", variable: value}
    ended = _ended(tmp_path, "office", **settings)
    assert ended.returncode == 1, ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("chatbot: ")
    assert variable.rpartition("__")[2] in last
    assert sentence in last
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_port_that_is_taken_even_by_the_suite_itself_is_one_sentence(tmp_path: Path) -> None:
    with held_ports(1) as (port,):
        with socket.create_server(("127.0.0.1", port)):
            taken = _ended(tmp_path, "office", CHATBOT_OFFICE__PORT=str(port))
        twice = _ended(
            tmp_path,
            "up",
            CHATBOT_PORT=str(port),
            CHATBOT_OFFICE__PORT=str(port),
            CHATBOT_CHARACTER__PORT="0",
        )
    for ended, variable in ((taken, "CHATBOT_OFFICE__PORT"), (twice, "CHATBOT_PORT")):
        assert ended.returncode == 1
        last = ended.stderr.splitlines()[-1]
        assert last.startswith(f"chatbot: cannot listen on 127.0.0.1:{port}")
        assert last.endswith(f"set {variable}")
