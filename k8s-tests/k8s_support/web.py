"""Real HTTP to pods and Services through `kubectl port-forward`, which the tests start and end."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import httpx

QUESTION = {
    "office": {"input_data": "Hello! Who are you?"},
    "character": {
        "input_data": "*I wave.* Hello Rachel!",
        "character_name": "Rachel",
        "greeting": "*Rachel looks up.* Oh, hello there!",
        "context": "Rachel is a librarian.",
    },
}


@contextmanager
def forward(namespace: str, target: str, port: int) -> Iterator[str]:
    """The local address of a Service or pod while the block runs."""
    command = ["kubectl", "-n", namespace, "port-forward", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, f"{' '.join(command)}: {line}"
            # Its further lines must be read, or it would block on a full pipe.
            Thread(target=process.stdout.read, daemon=True).start()
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.terminate()
            process.wait(10)


def ask(address: str, service: str, seconds: float = 180, **changes: Any) -> httpx.Response:
    """One question to a service's local model."""
    body = {**QUESTION[service], **changes}
    return httpx.post(f"{address}/{service}/Llama", json=body, timeout=seconds)


def get(way: tuple[str, str], path: str, accept: str = "application/json", **headers: str) -> httpx.Response:
    """A page by one way in: an address and the Host that leads to the release."""
    address, host = way
    return httpx.get(f"{address}{path}", headers={"Host": host, "Accept": accept, **headers}, timeout=60)


@dataclass
class Stream:
    """One streamed answer, read in a thread: when tokens came, how it ended."""

    address: str
    service: str = "office"
    body: dict[str, Any] = field(default_factory=dict)
    affinity: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    failure: str = ""

    def start(self) -> "Stream":
        """Begin; ``join`` waits for the end."""
        self.thread = Thread(target=self._read, daemon=True)
        self.thread.start()
        return self

    def join(self, seconds: float = 240) -> "Stream":
        """Wait for the end."""
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the stream did not end"
        return self

    @property
    def last(self) -> str:
        """Name of the last event: done, error, or what came last."""
        return self.events[-1][1] if self.events else ""

    def began(self) -> bool:
        """Whether a token has come."""
        return any(name == "token" for _, name, _ in self.events)

    def _read(self) -> None:
        body = {**QUESTION[self.service], **self.body}
        url = f"{self.address}/{self.service}/Llama"
        headers = {"Accept": "text/event-stream", "X-Affinity": self.affinity}
        try:
            with httpx.stream("POST", url, json=body, headers=headers, timeout=240) as answer:
                self.status, self.headers = answer.status_code, dict(answer.headers)
                name = ""
                for line in answer.iter_lines():
                    if line.startswith("event:"):
                        name = line.removeprefix("event:").strip()
                    elif line.startswith("data:"):
                        self.events.append((time.monotonic(), name, json.loads(line.removeprefix("data:"))))
        except httpx.HTTPError as error:
            self.failure = repr(error)
