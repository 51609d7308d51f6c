"""The chart's nginx in front of the balancer: what clients see of both."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.balancing.fleet import Fleet, fleet
from tests.support.door_model import DoorModel
from tests.support.nginx import chart_nginx

pytestmark = pytest.mark.anyio

TWO_PODS: dict[str, Any] = {"services": {"office": {"replicas": 2, "gpu": {"enabled": False}}}}


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Fleet, httpx.AsyncClient]]:
    """Two pods behind both, and a client of nginx."""
    async with fleet(DoorModel("a"), DoorModel("b")) as pods:
        port = int(pods.url.rsplit(":", 1)[1])
        with chart_nginx(tmp_path, {"balancer": port, "character": 1}, TWO_PODS) as url:
            async with httpx.AsyncClient(base_url=url, timeout=20) as client:
                yield pods, client


async def test_a_question_is_answered_through_both(two: tuple[Fleet, httpx.AsyncClient]) -> None:
    pods, client = two
    pods.let_all_go()
    home = pods.order("room")[0]
    headers = {"X-Affinity": "room", "X-Admission": "now"}
    for question in ("one", "two"):
        answer = await client.post("/office/Llama", json={"input_data": question}, headers=headers)
        assert (answer.status_code, answer.json()) == (200, home.name)
    assert "X-Accel-Redirect" not in answer.headers
    assert (await client.get("/office")).is_redirect


@pytest.mark.parametrize(
    ("accept", "language", "kind", "said"),
    [
        ("text/html", "ko", "text/html; charset=utf-8", "<html"),
        ("*/*", "en", "application/json", "detail"),
    ],
)
async def test_without_pods_people_see_the_outage_page(
    accept: str, language: str, kind: str, said: str, two: tuple[Fleet, httpx.AsyncClient]
) -> None:
    pods, client = two
    pods.pods._addresses = frozenset()
    answer = await client.get("/office/", headers={"Accept": accept, "Accept-Language": language})
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == kind
    assert answer.headers.get_list("Retry-After") == ["10"]
    assert answer.headers["Content-Language"] == language
    assert said in answer.text


async def test_an_error_of_a_pod_passes_as_it_is(two: tuple[Fleet, httpx.AsyncClient]) -> None:
    _, client = two
    answer = await client.post("/office/Llama", json={"input_data": ""}, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "input_data"]
    assert (await client.get("/office/nothing")).json()["detail"]
