"""The same bytes to a service, both gateways and the balancer: one reading, or none."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.balancing.fleet import BODY_BYTES, address_of, pods_at
from tests.faults.shape import Asked, May, Shape
from tests.faults.shapes import SHAPES
from tests.support.fakes import service_state
from tests.support.nginx import chart_nginx
from tests.support.raw_http import raw_connection
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.balancing.balancer import Balancer
from chatbot.server.gateway import Gateway

pytestmark = pytest.mark.anyio

AGAIN = Asked("GET", "/office/performance?again")
LAST = b"GET /office/performance?again HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)")


class Recorder:
    """Notes each whole request that reaches the application of a service, in its order."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: list[Asked] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        body = b""
        messages: list[Message] = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
            body += messages[-1].get("body", b"")
        if messages[-1]["type"] == "http.request":
            self.asked.append(Asked(scope["method"], scope["raw_path"].decode("latin-1") + query, body))

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)


class WayIn:
    """An address and what the service behind it was asked."""

    def __init__(self, url: str, recorder: Recorder) -> None:
        self.url = url
        self.recorder = recorder

    async def take(self, shape: Shape) -> tuple[list[Asked], list[int]]:
        """What was asked and answered when a connection carries the shape and then one more request."""
        self.recorder.asked.clear()
        async with raw_connection(self.url) as connection:
            with suppress(ConnectionError):
                await connection.send(shape.sent, LAST)
            received = await connection.rest(20)
        return list(self.recorder.asked), [int(status) for status in _STATUS.findall(received)]


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
async def ways(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, WayIn]]:
    """The ways into a service; each has a recorder of its own behind it."""
    async with AsyncExitStack() as stack:

        async def way(name: str) -> WayIn:
            recorder = Recorder(create_app(service_state()))
            app = Gateway({"office": recorder, "character": recorder}) if name == "gateway" else recorder
            return WayIn(await stack.enter_async_context(serving(app)), recorder)

        service, gateway, behind, pod = [
            await way(name) for name in ("service", "gateway", "behind nginx", "behind a balancer")
        ]
        port = int(behind.url.rsplit(":", 1)[1])
        folder: Path = tmp_path_factory.mktemp("nginx")
        address = stack.enter_context(chart_nginx(folder, {"office": port, "character": port}))
        pods = pods_at([address_of(pod.url)])
        await pods.refresh()
        balancer = await stack.enter_async_context(
            serving(Balancer({"office": pods, "character": pods}, BODY_BYTES))
        )
        yield {
            "service": service,
            "gateway": gateway,
            "nginx": WayIn(address, behind.recorder),
            "balancer": WayIn(balancer, pod.recorder),
        }


def wrong(shape: Shape, asked: list[Asked], statuses: list[int]) -> str:
    """What is wrong about one way's reading of a shape; "" for nothing."""
    reused = asked[-1:] == [AGAIN]
    read = tuple(asked[:-1] if reused else asked)
    if read not in {May.READ: (shape.asked,), May.REFUSE: ((),), May.EITHER: (shape.asked, ())}[shape.may]:
        return f"read {read}"
    if not read and statuses and not 400 <= statuses[0] <= 505:
        return f"answered {statuses} to what was not read"
    if read and not reused and not shape.closes:
        return "the connection was not used again"
    if reused and statuses[-1:] != [200]:
        return f"the request after it was answered by {statuses}"
    if any(status in (500, 502, 503, 504) for status in statuses):
        return f"answered {statuses}"
    return ""


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_no_two_ways_in_read_a_message_differently(shape: Shape, ways: Mapping[str, WayIn]) -> None:
    taken = await asyncio.gather(*(way.take(shape) for way in ways.values()))
    faults = {
        name: fault
        for name, (asked, statuses) in zip(ways, taken, strict=True)
        if (fault := wrong(shape, asked, statuses))
    }
    assert faults == {}


def test_shapes_have_names_of_their_own() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 140
