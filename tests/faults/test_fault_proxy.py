"""The proxy of the fault tests spoils what it says and no more; the service behind it frees what it held."""

import asyncio

import httpx
import pytest
from tests.support.fakes import FakeModel, service_state
from tests.support.fault_proxy import Faults, fault_proxy
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.messages import Token

pytestmark = pytest.mark.anyio

STREAM = {"Accept": "text/event-stream"}


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


async def _ask(port: int) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=3) as client:
        return (await client.post("/office/Llama", json={"input_data": "x"}, headers=STREAM)).text


async def test_without_faults_everything_passes() -> None:
    async with serving(create_app(service_state())) as url, fault_proxy(_port(url)) as proxy:
        assert "event: done" in await _ask(proxy.port)
        assert proxy.connections == 1


@pytest.mark.parametrize(
    ("faults", "failure"),
    [
        (Faults(refuse=True), httpx.TransportError),
        (Faults(cut_after=400), httpx.RemoteProtocolError),
        (Faults(cut_after=400, cut_by="reset"), httpx.TransportError),
        (Faults(unread=True), httpx.ReadTimeout),
        (Faults(delay=4.0), httpx.ReadTimeout),
        (Faults(bytes_per_second=20), httpx.ReadTimeout),
    ],
    ids=["refuse", "truncate", "reset", "unread", "delay", "slow"],
)
async def test_each_fault_is_what_its_name_says_and_leaves_no_place_taken(
    faults: Faults, failure: type[Exception]
) -> None:
    model = FakeModel(*(token for _ in range(30) for token in (Token("가"), 0.01)))
    state = service_state(model=model)
    async with serving(create_app(state)) as url, fault_proxy(_port(url), faults) as proxy:
        with pytest.raises(failure):
            await _ask(proxy.port)
        await asyncio.wait_for(state.chat.statistics.until_idle(), 2.0)
        assert all(place.released for place in model.places)
        proxy.faults = Faults()
        assert "event: done" in await _ask(proxy.port)


async def test_cutting_ends_what_is_under_way() -> None:
    model = FakeModel(Token("가"), 30.0)
    async with serving(create_app(service_state(model=model))) as url, fault_proxy(_port(url)) as proxy:
        asking = asyncio.create_task(_ask(proxy.port))
        while not model.conversations:
            await asyncio.sleep(0.01)
        proxy.cut()
        with pytest.raises(httpx.TransportError):
            await asking
        await asyncio.wait_for(model.stopped.wait(), 1.0)
