"""A pod of visitors, who ask the gateway's Service from inside the cluster while something changes."""

import json
from pathlib import Path
from typing import Any

from k8s_support import restricted, visitor
from k8s_support.cluster import Cluster, eventually
from k8s_support.release import Release

_NAME = "visitor"


def start_visitors(cluster: Cluster, release: Release, seconds: int, pairs: int = 1) -> None:
    """Begin to ask and stream; returns when the pod runs."""
    office = next(pod for pod in cluster.pods(release.namespace, "office"))
    container = {
        "name": "visitor",
        "image": office.spec.containers[0].image,
        "command": ["python", "-c", Path(visitor.__file__).read_text()],
        "args": [f"http://{release.object('gateway')}:8001", str(seconds), str(pairs)],
        "securityContext": restricted.CONTAINER,
    }
    spec = {
        "restartPolicy": "Never",
        "securityContext": restricted.POD,
        "containers": [container],
    }
    # The labels of the release's own test, which its NetworkPolicy lets ask.
    labels = {
        "app.kubernetes.io/name": "chatbot",
        "app.kubernetes.io/instance": "chat",
        "app.kubernetes.io/component": "test",
    }
    metadata = {"name": _NAME, "labels": labels}
    cluster.apply(release.namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    eventually("the visitors have come", lambda: _phase(cluster, release) == "Running")


def wait_for_visitors(cluster: Cluster, release: Release, seconds: float = 240) -> list[dict[str, Any]]:
    """What they saw, once they have left."""
    eventually("the visitors have left", lambda: _phase(cluster, release) == "Succeeded", seconds)
    return seen_by_visitors(cluster, release)


def seen_by_visitors(cluster: Cluster, release: Release) -> list[dict[str, Any]]:
    """What they saw so far: a record of each answer."""
    text: str = cluster.core.read_namespaced_pod_log(_NAME, release.namespace)
    return [json.loads(line) for line in text.splitlines()]


def unanswered(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are no whole answer."""
    return [each for each in answers if each["status"] != 200 or each["last"] not in {"", "done"}]


def _phase(cluster: Cluster, release: Release) -> str:
    return str(cluster.core.read_namespaced_pod(_NAME, release.namespace).status.phase)
