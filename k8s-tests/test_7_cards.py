"""Two cards in one host, claimed by dynamic resource allocation: each service finds its own, always."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import Release, missing, release_in

NAMESPACE = "chatbot-tests-cards"
TURING, AMPERE = "NVIDIA GeForce RTX 2080", "NVIDIA GeForce RTX 3060"
MEMORY = {TURING: 8192, AMPERE: 12288}


def values(office: str = TURING, character: str = AMPERE, **more: Any) -> dict[str, Any]:
    """Both services, each with the card of that name; ``more`` is laid over office's card."""
    cards: dict[str, dict[str, Any]] = {
        name: {"products": [card.replace(" ", "-")], "memoryMiB": MEMORY[card]}
        for name, card in (("office", office), ("character", character))
    }
    cards["office"] |= more
    return {
        "serviceDefaults": {"gpu": {"source": "dra"}, "maxTokens": 8},
        "services": {name: {"gpu": gpu} for name, gpu in cards.items()},
        "ingress": {"enabled": False},
        "gateway": {"enabled": False},
        "history": {"mode": "sqlite"},
    }


@pytest.fixture(scope="module")
def one_host(cluster: Cluster) -> Iterator[str]:
    """Only the node that publishes both cards takes pods while the module runs."""
    found: Any = client.CustomObjectsApi().list_cluster_custom_object(
        "resource.k8s.io", "v1", "resourceslices"
    )
    hosts = [
        each["spec"]["nodeName"] for each in found["items"] if each["spec"]["driver"] == "gpu.nvidia.com"
    ]
    if not hosts:
        missing("no node publishes cards by dynamic resource allocation")
    was = {node.metadata.name: bool(node.spec.unschedulable) for node in cluster.core.list_node().items}
    for name in was:
        cluster.core.patch_node(name, {"spec": {"unschedulable": name != hosts[0]}})
    yield hosts[0]
    for name, unschedulable in was.items():
        cluster.core.patch_node(name, {"spec": {"unschedulable": unschedulable}})


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None, one_host: str) -> Iterator[Release]:
    with release_in(cluster, NAMESPACE) as release:
        release.apply(values())
        yield release


def cards(cluster: Cluster) -> dict[str, str]:
    """By service the card that its container was given."""
    pods = {name: cluster.ready_pod(NAMESPACE, name).metadata.name for name in ("office", "character")}
    return {
        name: cluster.run(NAMESPACE, pod, "printenv", "TEST_CLUSTER_CARD").strip()
        for name, pod in pods.items()
    }


def other_pod(cluster: Cluster, uid: str) -> Any:
    """The ready office pod that took the place of ``uid``."""

    def look() -> bool:
        return uid not in [pod.metadata.uid for pod in cluster.pods(NAMESPACE, "office")]

    eventually("office is another pod", look, 240)
    return cluster.ready_pod(NAMESPACE, "office")


def test_each_service_finds_its_card_in_the_one_host(
    cluster: Cluster, release: Release, one_host: str
) -> None:
    assert cards(cluster) == {"office": TURING, "character": AMPERE}
    for name in ("office", "character"):
        spec = cluster.ready_pod(NAMESPACE, name).spec
        assert spec.node_name == one_host
        assert spec.affinity is None
        assert spec.containers[0].resources.limits is None


def test_a_second_claim_stays_pending_and_the_notes_say_why(cluster: Cluster, release: Release) -> None:
    name = release.object("office")
    cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 2}})

    def reason() -> str:
        pending = [pod for pod in cluster.pods(NAMESPACE, "office") if pod.status.phase == "Pending"]
        said = [found.message or "" for pod in pending for found in pod.status.conditions or []]
        return next((message for message in said if "claim" in message), "")

    message = eventually("the second pod is unschedulable", reason, 60)
    assert "cannot allocate all claims" in message
    assert '"cannot allocate all claims"' in release("get", "notes", "chat")
    cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 1}})
    eventually("one pod is left", lambda: len(cluster.pods(NAMESPACE, "office")) == 1, 60)


def test_no_change_waits_for_the_card_that_it_gives_up(cluster: Cluster, release: Release) -> None:
    """Another pod of the same claim, another claim, and the way back."""
    uid = cluster.ready_pod(NAMESPACE, "office").metadata.uid
    same_claim = values()
    same_claim["services"]["office"]["parallel"] = 4
    for change in (same_claim, values(memoryMiB=8000), None):
        if change is None:
            release("rollback", "chat", "1")
        else:
            release.apply(change)
        uid = other_pod(cluster, uid).metadata.uid
        assert cards(cluster)["office"] == TURING


def test_swapped_products_swap_the_cards(cluster: Cluster, release: Release) -> None:
    before = cluster.ready_pod(NAMESPACE, "office").metadata.uid
    release.apply(values(office=AMPERE, character=TURING))
    other_pod(cluster, before)
    assert cards(cluster) == {"office": AMPERE, "character": TURING}
