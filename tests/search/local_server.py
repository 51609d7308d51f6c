"""A small HTTP/1.1 server on 127.0.0.1 that answers as a test says and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Response:
    """``chunks`` are sent one by one after ``delay`` each; the connection closes at the end."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=UTF-8"
    chunks: AsyncIterator[bytes] | None = None
    delay: float = 0.0


def json_response(content: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, named)


Handler = Callable[[Request], Response | Awaitable[Response]]


@dataclass(slots=True)
class LocalServer:
    """``requests`` came in whole; ``dropped`` counts clients that left before their answer was complete."""

    handler: Handler
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    dropped: int = 0
    client_left: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks: list[asyncio.Task[Any]] = []
        try:
            request = await _read_request(reader)
            if request is None:
                return
            self.requests.append(request)
            answering = asyncio.create_task(self._answer(request, writer))
            tasks += [answering, asyncio.create_task(reader.read(1))]
            for task in tasks:
                task.add_done_callback(_seen)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise ConnectionResetError
            await answering
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped += 1
            self.client_left.set()
        finally:
            for task in tasks:
                task.cancel()
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        answer = self.handler(request)
        response = answer if isinstance(answer, Response) else await answer
        await asyncio.sleep(response.delay)
        headers = {"content-type": response.content_type, "connection": "close", **response.headers}
        if response.chunks is None:
            headers["content-length"] = str(len(response.body))
        head = f"HTTP/1.1 {response.status} X\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(head.encode() + b"\r\n" + response.body)
        await writer.drain()
        if response.chunks is not None:
            async for chunk in response.chunks:
                writer.write(chunk)
                await writer.drain()


def _seen(task: asyncio.Task[Any]) -> None:
    """Look at a task's exception, so that a client that left is no complaint of the event loop."""
    if not task.cancelled():
        task.exception()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


@asynccontextmanager
async def running(handler: Handler) -> AsyncIterator[LocalServer]:
    """Serve while the block runs."""
    local = LocalServer(handler)
    server = await asyncio.start_server(local.connected, "127.0.0.1", 0)
    local.port = server.sockets[0].getsockname()[1]
    try:
        yield local
    finally:
        server.close()
        for task in local.connections:
            task.cancel()
        await asyncio.gather(*local.connections, return_exceptions=True)
