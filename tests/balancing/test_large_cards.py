"""A card of nearly the services' largest body passes what stands in front of them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from tests.balancing.fleet import BODY_BYTES, address_of, pods_at
from tests.support.fakes import FakeModel, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.nginx import chart_nginx
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.api.character_bodies import CARD_BODY
from chatbot.balancing.balancer import Balancer
from chatbot.domain.service_names import ServiceName
from chatbot.server.gateway import Gateway

pytestmark = pytest.mark.anyio

TWO_PODS: dict[str, Any] = {"services": {"character": {"replicas": 2, "gpu": {"enabled": False}}}}
CARD_BYTES = 1_400 * 1024


@asynccontextmanager
async def one_machine(app: ASGIApp, _: Path) -> AsyncIterator[str]:
    """The gateway of one machine."""
    async with serving(Gateway({"character": app})) as url:
        yield url


@asynccontextmanager
async def balanced(app: ASGIApp, _: Path) -> AsyncIterator[str]:
    """The balancer in front of a pod."""
    async with serving(app) as pod:
        pods = pods_at([address_of(pod)])
        await pods.refresh()
        async with serving(Balancer({"character": pods}, BODY_BYTES)) as url:
            yield url


@asynccontextmanager
async def in_a_cluster(app: ASGIApp, folder: Path) -> AsyncIterator[str]:
    """The chart's nginx in front of the balancer."""
    async with balanced(app, folder) as balancer:
        ports = {"balancer": int(balancer.rsplit(":", 1)[1]), "office": 1}
        with chart_nginx(folder, ports, TWO_PODS) as url:
            yield url


@pytest.mark.parametrize("way", [one_machine, balanced, in_a_cluster])
async def test_a_large_card_arrives_and_a_larger_one_is_refused_by_the_service(
    way: Callable[[ASGIApp, Path], AbstractAsyncContextManager[str]], tmp_path: Path
) -> None:
    app = create_app(service_state(ServiceName("character"), FakeModel(), history=MemoryHistory()))
    card = json.dumps({"data": {"name": "R", "description": "A librarian.", "assets": ["a" * CARD_BYTES]}})
    async with way(app, tmp_path) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:

        async def sent(body: str) -> httpx.Response:
            headers = {"Content-Type": "application/json"}
            path, user = "/character/characters/import", {"user_id": "u"}
            return await client.post(path, params=user, content=body, headers=headers)

        taken = await sent(card)
        assert taken.status_code == 200, taken.text
        assert taken.json()["left_out"] == ["assets"]
        refused = await sent(card + " " * (CARD_BODY - len(card) + 1))
        assert refused.status_code == 413
        assert f"{CARD_BODY // 1024} KiB" in refused.json()["detail"]
