"""No hub and no internet: the models lie on a volume that an operator filled, as docs/kubernetes.md says."""

from collections.abc import Iterator
from typing import Any

import pytest

from k8s_support import restricted
from k8s_support.cluster import Cluster, eventually
from k8s_support.release import ACCESS_MODE, REGISTRY, Release, release_in
from k8s_support.web import ask, forward

pytestmark = pytest.mark.anywhere
NAMESPACE = "chatbot-tests-offline"
CLAIM = "kept-models"
FILE = "gemma-3-270m.gguf"
VALUES: dict[str, Any] = {
    "services": {"office": {"gpu": {"enabled": False}}, "character": {"enabled": False}},
    "models": {"source": "volume"},
    "storage": {"models": {"kind": "existing", "claimName": CLAIM}, "data": {"accessMode": ACCESS_MODE}},
    "gateway": {"enabled": False},
    "ingress": {"enabled": False},
    "history": {"mode": "sqlite"},
}


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    with release_in(cluster, NAMESPACE) as release:
        claim = {
            "accessModes": [ACCESS_MODE],
            "resources": {"requests": {"storage": "1Gi"}},
        }
        named = {"apiVersion": "v1", "metadata": {"name": CLAIM}}
        cluster.apply(NAMESPACE, {**named, "kind": "PersistentVolumeClaim", "spec": claim})
        release.apply(VALUES)
        yield release


def fill(cluster: Cluster) -> None:
    """A pod that puts the model on the volume, which is an operator's `kubectl cp` in earnest."""
    container = {
        "name": "fill",
        "image": f"{REGISTRY}/chatbot/hub:dev",
        "command": ["cp", f"/files/{FILE}", "/models/"],
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
        "securityContext": restricted.CONTAINER,
    }
    spec = {
        "restartPolicy": "Never",
        "securityContext": {**restricted.POD, "fsGroup": 10001},
        "containers": [container],
        "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": CLAIM}}],
    }
    cluster.apply(NAMESPACE, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fill"}, "spec": spec})
    eventually(
        "the volume is filled",
        lambda: cluster.core.read_namespaced_pod("fill", NAMESPACE).status.phase == "Succeeded",
    )


def test_a_pod_without_its_file_ends_and_names_it(cluster: Cluster, release: Release) -> None:
    assert not [
        job for job in cluster.batch.list_namespaced_job(NAMESPACE).items if "models" in job.metadata.name
    ]

    def ended() -> str:
        (pod,) = cluster.pods(NAMESPACE, "office")
        states = [each for each in pod.status.init_container_statuses or [] if each.name == "model"]
        failed = any(each.restart_count or each.state.terminated for each in states)
        return cluster.logs(NAMESPACE, pod.metadata.name, "model") if failed else ""

    assert FILE in eventually("the pod ends", ended, 180)


def test_with_the_file_it_answers(cluster: Cluster, release: Release) -> None:
    fill(cluster)
    cluster.ready_pod(NAMESPACE, "office", 300)
    with forward(NAMESPACE, f"service/{release.object('office')}", 8002) as address:
        assert ask(address, "office").status_code == 200
