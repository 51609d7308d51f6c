"""One socket for both families of addresses believes the same proxies as one of IPv4."""

import asyncio
import socket

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from chatbot.server.listening import BoundedServer
from chatbot.server.sockets import listen

pytestmark = pytest.mark.anyio

CLIENT = "203.0.113.9"


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the client's address."""
    client = Request(scope, receive).client
    await PlainTextResponse(client.host if client else "")(scope, receive, send)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize(
    ("trusted", "address", "seen"),
    [
        (("127.0.0.0/8",), "127.0.0.1", CLIENT),
        (("127.0.0.1",), "127.0.0.1", CLIENT),
        (("::1/128",), "[::1]", CLIENT),
        (("10.0.0.0/8",), "127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
async def test_a_proxy_of_ipv4_is_believed_by_a_listener_of_both(
    trusted: tuple[str, ...], address: str, seen: str
) -> None:
    bound = listen("::", 0, "CHATBOT_PORT")
    server = BoundedServer(who, trusted_proxies=trusted)
    running = asyncio.create_task(server.serve([bound]))
    try:
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"http://{address}:{bound.getsockname()[1]}/", headers={"X-Forwarded-For": CLIENT}
            )
    finally:
        while not server.started:
            await asyncio.sleep(0.01)
        server.should_exit = True
        await running
    assert answer.text == seen
