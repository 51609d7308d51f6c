"""The balancer over processes of their own: one is killed, the command starts and ends."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from tests.balancing.fleet import BODY_BYTES, pods_at
from tests.support.ports import held_ports
from tests.support.serving import serving
from tests.system.running_suite import ROOT, environment_without_settings

from chatbot.balancing.balancer import Balancer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CHATBOT = str(Path(sys.executable).with_name("chatbot"))
LONG = f"{10**8} tokens, more than anybody waits for"


@contextmanager
def _process(log: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment_without_settings() | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def _answers(url: str) -> None:
    async with httpx.AsyncClient() as client:
        with anyio.fail_after(60):
            while True:
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.TransportError:
                    await anyio.sleep(0.05)


def _turns(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "history.sqlite3") as database:
        return [question for (question,) in database.execute("select question from turns")]


async def test_a_question_whose_pod_is_killed_is_asked_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ports = stack.enter_context(held_ports(3))
        folders, processes = {}, {}
        for port in ports:
            folders[port] = folder = tmp_path / str(port)
            folder.mkdir()
            run = _process(folder / "log", sys.executable, "-m", "bench.null_suite", str(port), str(folder))
            processes[port] = stack.enter_context(run)
        for port in ports:
            await _answers(f"http://127.0.0.1:{port}/readyz")
        pods = pods_at([("127.0.0.1", port) for port in ports])
        await pods.refresh()
        home = pods.order(b"room")[0][1]
        body = {"user_id": "u", "db_id": "11111111-1111-4111-8111-111111111111"}
        headers = {"X-Affinity": "room", "Accept": "text/event-stream"}
        async with (
            serving(Balancer({"office": pods}, BODY_BYTES)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 (the stream is what breaks)
                async with client.stream(
                    "POST", "/office/Llama", json={"input_data": LONG, **body}, headers=headers
                ) as answer:
                    lines = answer.aiter_lines()
                    while await anext(lines) != "event: token":
                        pass
                    processes[home].send_signal(signal.SIGKILL)
                    async for _ in lines:
                        pass
            # The next question of the room finds another pod, and is the only one that is stored.
            asked = {"input_data": "3 tokens", **body}
            assert (await client.post("/office/Llama", json=asked, headers=headers)).status_code == 200
        stored = [question for folder in folders.values() for question in _turns(folder)]
        assert stored == ["3 tokens"]
        received = [
            path for path in folders.values() if '"path": "/office/Llama"' in (path / "log").read_text()
        ]
        assert len(received) == 1, "the killed pod wrote no line, and nobody else had the long question"


async def test_the_command_balances_and_finishes_what_is_under_way(tmp_path: Path) -> None:
    with ExitStack() as stack:
        service, port = stack.enter_context(held_ports(2))
        stack.enter_context(
            _process(
                tmp_path / "service", sys.executable, "-m", "bench.null_suite", str(service), str(tmp_path)
            )
        )
        await _answers(f"http://127.0.0.1:{service}/readyz")
        command = (CHATBOT, "balance", f"office=localhost:{service}", "--port", str(port))
        balancer = stack.enter_context(_process(tmp_path / "balancer", *command, CHATBOT_LOG_FORMAT="json"))
        url = f"http://127.0.0.1:{port}"
        await _answers(f"{url}/healthz")
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            headers = {"Accept": "text/event-stream"}
            body = {"input_data": "20000 tokens"}
            async with client.stream("POST", "/office/Llama", json=body, headers=headers) as answer:
                lines = answer.aiter_lines()
                while await anext(lines) != "event: token":
                    pass
                balancer.send_signal(signal.SIGTERM)
                assert [line async for line in lines if line == "event: done"]
        assert await anyio.to_thread.run_sync(balancer.wait, 20) == 0
        assert [json.loads(line)["level"] for line in (tmp_path / "balancer").read_text().splitlines()] != []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["office"], "office is no service"),
        (["office=pods:8002", "--body-limit", "2 MiB"], "2 MiB is no size"),
    ],
)
def test_the_command_refuses_what_it_cannot_read(
    arguments: list[str], complaint: str, tmp_path: Path
) -> None:
    with _process(tmp_path / "log", CHATBOT, "balance", *arguments) as process:
        assert process.wait(30) == 1
    assert complaint in (tmp_path / "log").read_text()
