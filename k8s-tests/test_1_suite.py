"""One release with both cards: placement, read-only pods, history that survives, helm test."""

import json
from typing import Any

import httpx
import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import REGISTRY, SUITE_NAMESPACE, Release
from k8s_support.web import ask

NAMESPACE = SUITE_NAMESPACE
CARDS = {
    "office": ("node-2080", "NVIDIA-GeForce-RTX-2080"),
    "character": ("node-3060", "NVIDIA-GeForce-RTX-3060"),
}


@pytest.mark.parametrize("service", CARDS)
def test_each_service_runs_on_the_node_of_its_card(cluster: Cluster, suite: Release, service: str) -> None:
    pod = cluster.ready_pod(NAMESPACE, service)
    node, product = CARDS[service]
    labels = cluster.core.read_node(pod.spec.node_name).metadata.labels
    assert labels["nvidia.com/gpu.product"] == product
    assert pod.spec.node_name == node
    assert pod.spec.containers[0].resources.limits["nvidia.com/gpu"] == "1"
    devices = cluster.run(NAMESPACE, pod.metadata.name, "printenv", "NVIDIA_VISIBLE_DEVICES").strip()
    assert len(devices.split(",")) == 1
    assert devices


def test_a_second_pod_of_a_card_stays_pending_and_says_why(cluster: Cluster, suite: Release) -> None:
    name = suite.object("office")
    cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 2}})
    try:

        def reason() -> str:
            pending = [pod for pod in cluster.pods(NAMESPACE, "office") if pod.status.phase == "Pending"]
            conditions = [found for pod in pending for found in pod.status.conditions or []]
            return next((found.message or "" for found in conditions if found.reason == "Unschedulable"), "")

        message = eventually("the second pod is unschedulable", reason, 60)
        assert "Insufficient nvidia.com/gpu" in message
        assert "node affinity" in message
    finally:
        cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 1}})
        eventually("one pod is left", lambda: len(cluster.pods(NAMESPACE, "office")) == 1, 60)


def test_the_release_tests_itself(suite: Release) -> None:
    said = suite("test", "chat", "--logs", "--timeout", "5m")
    assert "Succeeded" in said
    assert "FAIL" not in said
    for line in ("ok   office answers", "ok   character answers", "ok   an unknown path is 404 as a page"):
        assert line in said


def test_pods_cannot_write_their_image_and_hold_no_token(cluster: Cluster, suite: Release) -> None:
    office = cluster.ready_pod(NAMESPACE, "office").metadata.name
    assert "Read-only file system" in cluster.run(NAMESPACE, office, "sh", "-c", "touch /opt/x; id -u")
    assert "Read-only file system" in cluster.run(NAMESPACE, office, "touch", "/opt/python-libs/x")
    assert "Read-only file system" in cluster.run(NAMESPACE, office, "touch", "/models/x")
    assert "No such file" in cluster.run(NAMESPACE, office, "ls", "/var/run/secrets/kubernetes.io")
    assert cluster.run(NAMESPACE, office, "id", "-u").strip() == "10001"


LOOK = """
find / -xdev -type f -perm /6000; ls /usr/bin/apt* /usr/bin/pip* /usr/local/bin/pip*
dpkg-query -W -f '${db:Status-Abbrev}${Package}\\n' | grep -E '^ii (apt|base-files|libc6|python3-pip)$'
echo looked
"""
FOUND = ["ii base-files", "ii libc6", "looked"]
"""Scanners ask dpkg what an image holds: what is gone is not listed, and what is there is."""


def seen(said: str) -> list[str]:
    """What LOOK found, without the paths that are not there or not open to it."""
    lines = said.splitlines()
    return [line for line in lines if "No such file" not in line and "Permission denied" not in line]


@pytest.mark.parametrize("part", ["office", "gateway"])
def test_images_hold_no_package_manager_and_no_setuid_file(
    cluster: Cluster, suite: Release, part: str
) -> None:
    pod = cluster.ready_pod(NAMESPACE, part).metadata.name
    assert seen(cluster.run(NAMESPACE, pod, "sh", "-c", LOOK)) == FOUND


def test_nor_does_the_load_test_s(cluster: Cluster, suite: Release) -> None:
    container = {
        "name": "look",
        "image": f"{REGISTRY}/chatbot/loadtest:dev",
        "imagePullPolicy": "Always",
        "command": ["sh", "-c", LOOK],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "look"}, "spec": spec}
    cluster.apply(NAMESPACE, body)

    def ended() -> bool:
        return cluster.core.read_namespaced_pod("look", NAMESPACE).status.phase in {"Succeeded", "Failed"}

    eventually("the look has ended", ended, 180)
    assert seen(cluster.logs(NAMESPACE, "look")) == FOUND
    cluster.core.delete_namespaced_pod("look", NAMESPACE)


@pytest.mark.parametrize("part", ["office", "character", "gateway"])
def test_a_pod_logs_nothing_but_json(cluster: Cluster, suite: Release, part: str) -> None:
    lines = cluster.logs(NAMESPACE, cluster.ready_pod(NAMESPACE, part).metadata.name).splitlines()
    assert [line for line in lines if not line.startswith("{") or not json.loads(line)] == []
    assert lines or part == "gateway"


def test_history_survives_the_death_of_service_and_database(
    cluster: Cluster, suite: Release, gateway: str
) -> None:
    first = ask(gateway, "office", user_id="survivor", input_data="My name is Mina.")
    room = first.headers["x-db-id"]
    assert first.headers["x-history"] == "database"
    for component in ("office", "history"):
        pod = cluster.ready_pod(NAMESPACE, component).metadata
        cluster.core.delete_namespaced_pod(pod.name, NAMESPACE, grace_period_seconds=0)

        def replaced(uid: str = pod.uid, part: str = component) -> bool:
            return uid not in [found.metadata.uid for found in cluster.pods(NAMESPACE, part)]

        eventually(f"{component} is another pod", replaced)
        cluster.ready_pod(NAMESPACE, component)

    def turns() -> Any:
        answer = httpx.get(f"{gateway}/office/rooms/{room}", params={"user_id": "survivor"}, timeout=30)
        return answer.json() if answer.status_code == 200 else None

    found = eventually("the room can be read again", turns, 60)
    assert "My name is Mina." in json.dumps(found, ensure_ascii=False)
    assert json.dumps(first.json(), ensure_ascii=False) in json.dumps(found, ensure_ascii=False)
