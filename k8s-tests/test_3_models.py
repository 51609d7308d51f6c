"""The download Job: killed in the middle it resumes; a wrong hash is refused; the pod that waits says so."""

from collections.abc import Iterator

import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.hub import start_hub
from k8s_support.release import HUB_NAMESPACE, Release, release_in

pytestmark = pytest.mark.anywhere
NAMESPACE = "chatbot-tests-models"
CPU = {"gpu": {"enabled": False}}


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None) -> Iterator[Release]:
    start_hub(cluster, "slow-hub", str(30 << 20))
    with release_in(cluster, NAMESPACE) as release:
        yield release


def apply(release: Release, **models: object) -> None:
    models = {"endpoint": f"http://slow-hub.{HUB_NAMESPACE}.svc:8080", **models}
    release.apply(
        {
            "services": {"office": CPU, "character": {"enabled": False}},
            "models": models,
            "ingress": {"enabled": False},
            "gateway": {"enabled": False},
            "history": {"mode": "sqlite"},
        }
    )


def test_a_wrong_hash_is_refused(cluster: Cluster, release: Release) -> None:
    apply(release, catalogue={"small": {"sha256": "0" * 64}}, backoffLimit=0)

    def failed() -> str:
        pods = [pod for pod in cluster.pods(NAMESPACE, "models") if pod.status.phase == "Failed"]
        return cluster.logs(NAMESPACE, pods[0].metadata.name) if pods else ""

    said = eventually("the download fails", failed, 180)
    assert "expected 0000000000" in said
    assert "it was not kept" in said
    assert eventually("the Job says so", lambda: cluster.job(NAMESPACE, "-models-").status.failed)


def test_the_pod_that_waits_repeats_why_and_ends(cluster: Cluster, release: Release) -> None:
    def ended() -> str:
        (pod,) = [each for each in cluster.pods(NAMESPACE, "office") if not each.metadata.deletion_timestamp]
        states = [each for each in pod.status.init_container_statuses or [] if each.name == "model"]
        failed = any(each.restart_count or each.state.terminated for each in states)
        return cluster.logs(NAMESPACE, pod.metadata.name, "model") if failed else ""

    said = eventually("the pod that waits ends", ended, 120)
    # Its container, started anew meanwhile, may call the same download a former one.
    assert "download failed 1 times, at last with: gemma-3-270m.gguf" in said
    assert "expected 0000000000" in said


def test_a_killed_download_resumes(cluster: Cluster, release: Release) -> None:
    apply(release)
    # The pod that ended would be started anew by itself, but later each time.
    cluster.core.delete_collection_namespaced_pod(
        NAMESPACE, label_selector="app.kubernetes.io/component=office", grace_period_seconds=0
    )

    def progress() -> str:
        pods = [pod for pod in cluster.pods(NAMESPACE, "models") if pod.status.phase == "Running"]
        text = cluster.logs(NAMESPACE, pods[0].metadata.name) if pods else ""
        return pods[0].metadata.name if "%" in text else ""

    first = eventually("some of it is there", progress, 120)
    cluster.core.delete_namespaced_pod(first, NAMESPACE, grace_period_seconds=0)

    def second() -> str:
        pods = [pod for pod in cluster.pods(NAMESPACE, "models") if pod.status.phase == "Succeeded"]
        return cluster.logs(NAMESPACE, pods[0].metadata.name) if pods else ""

    said = eventually("the next pod completes it", second, 180)
    assert "resuming at" in said
    assert "in place, sha256 a5fd3b62230aa5ec" in said
    cluster.ready_pod(NAMESPACE, "office")


def test_the_files_are_checked_again_by_command(cluster: Cluster, release: Release) -> None:
    office = cluster.ready_pod(NAMESPACE, "office").metadata.name
    assert "as recorded" in cluster.run(NAMESPACE, office, "chatbot", "models", "verify")
    assert "tests/gemma-3-270m@0123456789" in cluster.run(NAMESPACE, office, "chatbot", "models", "list")
    judged = cluster.run(NAMESPACE, office, "chatbot", "doctor")
    assert "office: ok" in judged
    assert "character" not in judged


def test_a_pod_that_waits_leaves_when_it_is_told_to(cluster: Cluster, release: Release) -> None:
    """Else the upgrade that mends a wrong name waits as long as answers may take."""
    apply(release, catalogue={"small": {"file": "elsewhere.gguf"}})

    def waiting() -> str:
        for pod in cluster.pods(NAMESPACE, "office"):
            for container in pod.status.init_container_statuses or []:
                if container.name == "model" and container.state.running:
                    return str(pod.metadata.name)
        return ""

    name = eventually("a pod waits for the file", waiting, 120)
    cluster.core.delete_namespaced_pod(name, NAMESPACE)

    def gone() -> bool:
        return name not in [pod.metadata.name for pod in cluster.pods(NAMESPACE, "office")]

    eventually("it is gone", gone, 30)
