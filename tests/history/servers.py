"""A real server of the MongoDB protocol that tests start, kill and start again on the same files."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.ports import held_ports

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
    """One server of 127.0.0.1, not started, with its files and its log in ``folder``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.uri = f"mongodb://127.0.0.1:{port}/"
        self._log = folder.with_suffix(".log")
        self._program = find_program()
        self._process: subprocess.Popen[bytes] | None = None

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
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                state = f"exit code {self._process.poll()}, its last words:\n{self._log.read_text()[-2000:]}"
                raise RuntimeError(f"the MongoDB-protocol server does not start; {state}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: no chance to flush or to say goodbye; a frozen or dead server is killed as well."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Connections stay open and nothing answers: the slowest kind of outage."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # On a busy machine threads of the server may go on until one of them takes the signal.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def _server_in(folder: Path) -> Iterator[MongoServer]:
    with held_ports(1) as (port,):
        server = MongoServer(folder, port)
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server that all tests share; each takes a database of its own."""
    with _server_in(tmp_path_factory.mktemp("mongo") / "docdb") as server:
        server.start()
        yield server


@pytest.fixture
def missing_mongo_server(tmp_path: Path) -> Iterator[MongoServer]:
    """A server that one test may start; until then its address refuses."""
    with _server_in(tmp_path / "docdb") as server:
        yield server


@pytest.fixture
def own_mongo_server(missing_mongo_server: MongoServer) -> MongoServer:
    """A running server that one test may kill and freeze."""
    missing_mongo_server.start()
    return missing_mongo_server
