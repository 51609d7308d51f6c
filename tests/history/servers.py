"""A real server of the MongoDB protocol that tests start, kill and start again on the same files."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

VARIABLE = "CHATBOT_TEST_DOCDB"
REQUIRED = "CHATBOT_TEST_REQUIRE_MONGO"


def find_program() -> str:
    """The path of docdb or mongod; without one the test is skipped, or fails where it is required."""
    program = os.environ.get(VARIABLE) or shutil.which("docdb") or shutil.which("mongod")
    if program and Path(program).is_file():
        return program
    reason = f"no MongoDB-protocol server: put docdb or mongod in PATH, or set {VARIABLE} to one"
    if os.environ.get("CI", "").lower() in ("1", "true") or os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


class MongoServer:
    """One server on a free port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = find_program()
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{self.port}/"

    def _command(self) -> list[str]:
        if Path(self._program).name.startswith("mongod"):
            return [
                self._program,
                "--bind_ip",
                "127.0.0.1",
                "--port",
                str(self.port),
                "--dbpath",
                str(self.folder),
            ]
        return [self._program, f"127.0.0.1:{self.port}", str(self.folder)]

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the MongoDB-protocol server does not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: no chance to flush or to say goodbye."""
        self._send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """Connections stay open and nothing answers: the slowest kind of outage."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server that all tests share; each takes a database of its own."""
    server = MongoServer(tmp_path_factory.mktemp("docdb"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_mongo_server(tmp_path: Path) -> Iterator[MongoServer]:
    """A server that one test may kill and freeze."""
    server = MongoServer(tmp_path / "docdb")
    server.start()
    yield server
    server.thaw()
    server.kill()
