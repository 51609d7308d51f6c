"""Models, conversations and results outlive `helm uninstall`, and the next install takes them up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import Release, release_in
from k8s_support.web import ask, forward

NAMESPACE = "chatbot-tests-volumes"
VALUES: dict[str, Any] = {
    "services": {"office": {"gpu": {"enabled": False}, "maxTokens": 8}, "character": {"enabled": False}},
    "ingress": {"enabled": False},
    "loadTest": {"image": {"tag": "dev"}, "dashboard": {"enabled": True}},
}
RUN = {
    "enabled": True,
    "runId": "kept",
    "args": ["--service", "office", "--users", "1", "--duration", "3s"],
}


@dataclass(frozen=True)
class Kept:
    """What can be read of a release: the turns of a room, and the rows of a load test."""

    turns: Any
    rows: str


def read(release: Release, room: str) -> Kept:
    with (
        forward(NAMESPACE, f"service/{release.object('gateway')}", 8001) as address,
        httpx.Client(base_url=address, timeout=30) as http,
    ):
        turns = http.get(f"/office/rooms/{room}", params={"user_id": "keeper"})
        rows = http.get("/loadtest/kept/results.csv")
        assert (turns.status_code, rows.status_code) == (200, 200), f"{turns.text}\n{rows.text}"
        return Kept(turns.json(), rows.text)


def install(cluster: Cluster, release: Release, values: dict[str, Any]) -> None:
    release.apply(values)
    for part in ("history", "office", "gateway"):
        cluster.ready_pod(NAMESPACE, part)


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None) -> Iterator[Release]:
    with release_in(cluster, NAMESPACE) as release:
        install(cluster, release, {**VALUES, "loadTest": {**VALUES["loadTest"], **RUN}})
        yield release


def test_the_next_install_takes_up_what_was_kept(cluster: Cluster, release: Release) -> None:
    with forward(NAMESPACE, f"service/{release.object('gateway')}", 8001) as address:
        answer = ask(address, "office", user_id="keeper")
    assert answer.headers["x-history"] == "database"
    room = answer.headers["x-db-id"]
    eventually("the run has ended", lambda: cluster.job(NAMESPACE, "-loadtest-").status.succeeded, 180)
    before = read(release, room)
    assert [turn["output_data"] for turn in before.turns["turns"]] == [answer.json()]

    release("uninstall", "chat", "--wait")
    eventually("no pod is left", lambda: not cluster.pods(NAMESPACE), 240)
    claims = cluster.core.list_namespaced_persistent_volume_claim(NAMESPACE).items
    assert {claim.metadata.name for claim in claims} == {
        "chat-chatbot-models",
        "chat-chatbot-data",
        "chat-chatbot-results",
        "database-chat-chatbot-history-0",
    }

    install(cluster, release, VALUES)
    (download,) = cluster.pods(NAMESPACE, "models")
    assert "there already" in cluster.logs(NAMESPACE, download.metadata.name)
    assert read(release, room) == before
