"""Several pods of a service on this machine, behind a balancer."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from tests.support.door_model import DoorModel
from tests.support.fakes import SilentMeter, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.api.state import ServiceState
from chatbot.balancing.balancer import Balancer
from chatbot.balancing.pods import Address, Pods

BODY_BYTES = 2 * 1024**2


@dataclass(slots=True)
class Fleet:
    """The pods, and a client of the balancer in front of them."""

    client: httpx.AsyncClient
    url: str
    pods: Pods
    models: dict[Address, DoorModel]
    states: dict[Address, ServiceState]
    meters: dict[Address, SilentMeter]

    def order(self, key: str) -> list[DoorModel]:
        """The models behind the pods, in the order in which a request with this affinity asks them."""
        return [self.models[address] for address in self.pods.order(key.encode())]

    def address(self, model: DoorModel) -> Address:
        """Where the model's pod is."""
        return next(address for address, each in self.models.items() if each is model)

    async def ask(self, question: str, room: str, user: str | None = None) -> httpx.Response:
        """Ask with this affinity."""
        body = {"input_data": question, "user_id": user or question}
        return await self.client.post("/office/Llama", json=body, headers={"X-Affinity": room})

    async def asked(self, question: str, room: str) -> asyncio.Task[httpx.Response]:
        """Ask, and return as soon as a pod has the question."""
        asking = asyncio.create_task(self.ask(question, room))
        while not any(question in model.asked for model in self.models.values()):
            assert not asking.done(), asking.result().text
            await asyncio.sleep(0.01)
        return asking

    def let_all_go(self) -> None:
        """Every answer ends."""
        for model in self.models.values():
            model.go_on.set()


def address_of(url: str) -> Address:
    """The address in a URL."""
    place = urlsplit(url)
    assert place.hostname
    assert place.port
    return place.hostname, place.port


def pods_at(addresses: Collection[Address]) -> Pods:
    """The pods at these addresses; what is added to the collection is found at the next refresh."""

    async def resolve() -> Collection[Address]:
        return addresses

    return Pods(resolve)


@asynccontextmanager
async def fleet(*models: DoorModel) -> AsyncIterator[Fleet]:
    """A pod for each model, with one history for all, and a balancer."""
    async with AsyncExitStack() as stack:
        history, states, meters, by_address = MemoryHistory(), {}, {}, {}
        for model in models:
            meter = SilentMeter()
            state = service_state(model=model, history=history, meter=meter)
            address = address_of(await stack.enter_async_context(serving(create_app(state))))
            states[address], meters[address], by_address[address] = state, meter, model
        pods = pods_at(list(by_address))
        await pods.refresh()
        url = await stack.enter_async_context(serving(Balancer({"office": pods}, BODY_BYTES)))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        yield Fleet(client, url, pods, by_address, states, meters)
