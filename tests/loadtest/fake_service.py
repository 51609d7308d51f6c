"""A small server that speaks the suite's contract, keeps a journal of every request and can misbehave on
order.

It stands in for the product where the load test itself is under test: only here can a test say exactly when
the service refuses, breaks off or lies.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.loadtest.descriptions import published


@dataclass
class Fake:
    """What the server does and has seen. `script` holds replies for the next questions; then it answers by
    itself. `serial`: one after another, so that its throughput has a ceiling. `services`: the schema of a
    question to each service, as it publishes them.
    """

    services: dict[str, dict[str, Any]] = field(default_factory=published)

    seconds: float = 0.01
    places: int = 1000
    retry_after: float = 0
    lost_in_count: int = 0
    kv_total: int = 4096
    serial: bool = False
    script: deque[Callable[["_Handler", dict[str, Any]], str]] = field(default_factory=deque)
    journal: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    deleted: list[str] = field(default_factory=list)
    active: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)
    started: float = field(default_factory=time.monotonic)
    url: str = ""

    def ids(self) -> list[str]:
        with self.lock:
            return [entry["id"] for entry in self.journal]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake, service = self.fake, self.path.split("/")[1]
        with fake.lock:
            entry = {
                "id": self.headers["X-Request-Id"],
                "affinity": self.headers["X-Affinity"],
                "path": self.path,
                "body": body,
            }
            fake.journal.append(entry)
            scripted = fake.script.popleft() if fake.script else None
            full = fake.active >= fake.places
            if not full:
                fake.active += 1
        try:
            if scripted is not None:
                outcome = scripted(self, body)
            elif full:
                outcome = refuse(fake.retry_after)(self, body)
            elif fake.serial:
                with fake.turn:
                    outcome = answer(fake.seconds)(self, body)
            else:
                outcome = answer(fake.seconds)(self, body)
        except (BrokenPipeError, ConnectionResetError):
            outcome = "cancelled"
        with fake.lock:
            fake.counts[service, outcome] += 1
            entry["outcome"] = outcome
            if not full:
                fake.active -= 1

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        name = path.split("/")[1]
        if path == f"/{name}/performance" and name in self.fake.services:
            self.reply(200, self._performance(name))
        elif path == f"/{name}/openapi.json" and name in self.fake.services:
            self.reply(200, self._description(name))
        elif path == "/metrics":
            self._send(200, self._metrics().encode(), {"Content-Type": "text/plain; version=0.0.4"})
        else:
            self.reply(404, {"detail": "없음", "services": list(self.fake.services)})

    def do_DELETE(self) -> None:
        self.fake.deleted.append(self.path)
        self.reply(200, {"deleted": 1})

    def _description(self, service: str) -> dict[str, Any]:
        content = {"application/json": {"schema": self.fake.services[service]}}
        question = {"requestBody": {"required": True, "content": content}}
        return {"openapi": "3.1.0", "paths": {f"/{service}/Llama": {"post": question}}}

    def _performance(self, service: str) -> dict[str, Any]:
        with self.fake.lock:
            outcomes = {
                k: self.fake.counts[service, k] for k in ("successful", "failed", "refused", "cancelled")
            }
        outcomes["successful"] -= self.fake.lost_in_count
        return {
            "service_type": service,
            "total_requests": sum(outcomes.values()),
            "successful_requests": outcomes["successful"],
            "failed_requests": outcomes["failed"],
            "refused_requests": outcomes["refused"],
            "cancelled_requests": outcomes["cancelled"],
            "active_requests": self.fake.active,
            "queue_size": 0,
            "model": "fake",
            "kv_total": self.fake.kv_total,
            "uptime_seconds": time.monotonic() - self.fake.started,
        }

    def _metrics(self) -> str:
        lines = ["# TYPE chatbot_requests_total counter"]
        with self.fake.lock:
            for (service, outcome), count in self.fake.counts.items():
                lost = self.fake.lost_in_count if outcome == "successful" else 0
                labels = f'outcome="{outcome}",service="{service}"'
                lines.append(f"chatbot_requests_total{{{labels}}} {float(count - lost)}")
        lines.append(f'chatbot_uptime_seconds{{service="x"}} {time.monotonic() - self.fake.started}')
        return "\n".join(lines) + "\n"

    def reply(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value, ensure_ascii=False).encode()
        self._send(status, content, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self._echo_id()
        for name, text in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def _echo_id(self) -> None:
        if "X-Request-Id" in self.headers:
            self.send_header("X-Request-Id", self.headers["X-Request-Id"])

    def stream(self, *pieces: bytes | float) -> None:
        """Sends an event stream: bytes are written, numbers are slept."""
        self.send_response(200)
        self._echo_id()
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in pieces:
            if isinstance(piece, bytes):
                self.wfile.write(piece)
                self.wfile.flush()
            else:
                time.sleep(piece)
        self.close_connection = True


Action = Callable[[_Handler, dict[str, Any]], str]


def event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def answer(seconds: float = 0.0, text: str = "네, 안녕하세요!") -> Action:
    """Answers after a while, as a JSON string or as a stream, whichever the client asked for."""

    def act(handler: _Handler, body: dict[str, Any]) -> str:
        timing = f"queue;dur=0.0, total;dur={seconds * 1000:.3f}"
        room = body.get("db_id") or "123e4567-e89b-12d3-a456-426614174000"
        if handler.headers["Accept"] == "text/event-stream":
            done = {"finish_reason": "stop", "db_id": room, "timings_ms": {"total": seconds * 1000}}
            handler.stream(
                b": hello\n\n",
                event("queue", {"position": 1, "eta_s": 0.1}),
                seconds / 2,
                event("token", {"text": text}),
                seconds / 2,
                event("done", done),
            )
        else:
            time.sleep(seconds)
            handler.reply(200, text, {"X-Db-Id": room, "Server-Timing": timing, "X-Model": "fake"})
        return "successful"

    return act


def refuse(retry_after: float | str) -> Action:
    def act(handler: _Handler, _: dict[str, Any]) -> str:
        said = {"detail": "대기열이 가득 찼습니다.", "retry_after": retry_after, "queue_size": 7}
        handler.reply(429, said, {"Retry-After": str(retry_after)})
        return "refused"

    return act


def fail(status: int, detail: object = "고장", outcome: str = "failed") -> Action:
    def act(handler: _Handler, _: dict[str, Any]) -> str:
        handler.reply(status, {"detail": detail})
        return outcome

    return act


def send(*pieces: bytes | float, outcome: str = "failed") -> Action:
    """Streams exactly these pieces and closes."""

    def act(handler: _Handler, _: dict[str, Any]) -> str:
        handler.stream(*pieces)
        return outcome

    return act


def body(
    value: bytes, outcome: str = "successful", *, status: int = 200, headers: dict[str, str] | None = None
) -> Action:
    def act(handler: _Handler, _: dict[str, Any]) -> str:
        handler._send(status, value, {"Content-Type": "application/json", **(headers or {})})
        return outcome

    return act


def hang_up(handler: _Handler, _: dict[str, Any]) -> str:
    handler.close_connection = True
    handler.connection.close()
    return "failed"


def cut_short(handler: _Handler, _: dict[str, Any]) -> str:
    """Announces more bytes than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'"half an ans')
    handler.close_connection = True
    return "failed"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is the point of these tests, not an error."""


@contextmanager
def running(fake: Fake) -> Iterator[Fake]:
    """Serves until the block ends."""
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = _Server(("127.0.0.1", 0), handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
