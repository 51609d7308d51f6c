"""The gateway itself is replaced: visitors inside the cluster, who ask its Service, notice nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from k8s_support import visitor
from k8s_support.cluster import Cluster, eventually
from k8s_support.release import SUITE_NAMESPACE, SUITE_VALUES, Release

NAMESPACE = SUITE_NAMESPACE
LONG_ANSWERS: dict[str, Any] = {**SUITE_VALUES, "services": {"office": {"maxTokens": 300}}}


@pytest.fixture
def visiting(cluster: Cluster, suite: Release) -> None:
    """A pod that asks and streams through the gateway's Service."""
    suite.apply(LONG_ANSWERS, "--wait", "--timeout", "5m")
    office = cluster.ready_pod(NAMESPACE, "office")
    container = {
        "name": "visitor",
        "image": office.spec.containers[0].image,
        "command": ["python", "-c", Path(visitor.__file__).read_text()],
        "args": [f"http://{suite.object('gateway')}:8001", "40"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    # The labels of the release's own test, which its NetworkPolicy lets ask.
    labels = {
        "app.kubernetes.io/name": "chatbot",
        "app.kubernetes.io/instance": "chat",
        "app.kubernetes.io/component": "test",
    }
    metadata = {"name": "visitor", "labels": labels}
    cluster.apply(NAMESPACE, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    eventually("the visitors have come", lambda: phase(cluster) == "Running")


def phase(cluster: Cluster) -> str:
    return str(cluster.core.read_namespaced_pod("visitor", NAMESPACE).status.phase)


def seen(cluster: Cluster) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cluster.logs(NAMESPACE, "visitor").splitlines()]


def test_another_gateway_takes_over_without_an_error(
    cluster: Cluster, suite: Release, visiting: None
) -> None:
    eventually("both visitors were answered", lambda: len(seen(cluster)) >= 2, 120)
    old = cluster.ready_pod(NAMESPACE, "gateway").metadata.uid
    suite.apply({**LONG_ANSWERS, "gateway": {"bodyLimit": "3m"}})
    eventually(
        "the old gateway is gone",
        lambda: old not in [pod.metadata.uid for pod in cluster.pods(NAMESPACE, "gateway")],
        240,
    )
    gone = cluster.ready_pod(NAMESPACE, "gateway").metadata.creation_timestamp.timestamp()
    eventually("the visitors have left", lambda: phase(cluster) == "Succeeded", 240)
    answers = seen(cluster)
    assert [each for each in answers if each["status"] != 200 or each["last"] not in {"", "done"}] == []
    assert any(each["last"] == "done" and each["began"] < gone < each["ended"] for each in answers)
    assert any(each["began"] > gone for each in answers)
