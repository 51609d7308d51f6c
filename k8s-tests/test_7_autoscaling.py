"""What KEDA makes of the chart's ScaledObject: another pod while questions wait, one again when none need it.

Skipped where the cluster has no KEDA.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from k8s_support.cluster import Cluster, eventually, is_ready
from k8s_support.hub import start_hub
from k8s_support.prometheus import scrape_config, start_prometheus
from k8s_support.release import Release, release_in
from k8s_support.visitors import start_visitors, unanswered, wait_for_visitors

NAMESPACE = "chatbot-tests-scaled"
HOME = "chatbot-tests-scaling"
pytestmark = pytest.mark.timeout(1200)


def values(**autoscaling: Any) -> dict[str, Any]:
    """A release of the office alone, on CPUs, one question at a time."""
    office = {"gpu": {"enabled": False}, "parallel": 1, "maxTokens": 64, "autoscaling": autoscaling}
    home = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": HOME}}}
    return {
        "services": {"office": office, "character": {"enabled": False}},
        "ingress": {"enabled": False},
        "networkPolicy": {"metricsFrom": [home]},
    }


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None) -> Iterator[Release]:
    groups = [group.name for group in client.ApisApi().get_api_versions().groups]
    if "keda.sh" not in groups:
        pytest.skip("the cluster has no KEDA")
    start_hub(cluster, "hub")
    with release_in(cluster, NAMESPACE) as release:
        release.apply(values(enabled=False), "--wait", "--timeout", "8m")
        yield release


@pytest.fixture(scope="module")
def prometheus(cluster: Cluster, release: Release) -> Iterator[str]:
    """The address of a Prometheus that reads the pod that is there."""
    cluster.create_namespace(HOME)
    monitored = {**values(), "monitoring": {"podMonitor": {"enabled": True, "interval": "1s"}}}
    (monitor,) = (found for found in release.rendered(monitored) if found["kind"] == "PodMonitor")
    start_prometheus(cluster, HOME, scrape_config(cluster, monitor, NAMESPACE), {"groups": []}, {})
    yield f"http://{cluster.core.read_namespaced_pod('prometheus', HOME).status.pod_ip}:9090"
    cluster.delete_namespace(HOME)


def running(cluster: Cluster, count: int) -> bool:
    """Whether exactly so many pods are there, and ready."""
    pods = cluster.pods(NAMESPACE, "office")
    return len(pods) == count and all(map(is_ready, pods))


def test_pods_come_and_go_with_the_questions_that_wait(
    cluster: Cluster, release: Release, prometheus: str
) -> None:
    """Of four visitors three wait for one pod, two for two pods; each pod may have two that wait."""
    first = cluster.ready_pod(NAMESPACE, "office").metadata.uid
    scaled = values(
        enabled=True, maxReplicas=2, queueSize=2, cooldownSeconds=20, prometheusAddress=prometheus
    )
    release.apply(scaled)
    assert cluster.ready_pod(NAMESPACE, "office").metadata.uid == first
    start_visitors(cluster, release, 300, pairs=2)
    eventually("a second pod answers", lambda: running(cluster, 2), 180)
    release.apply(scaled)
    assert running(cluster, 2), "an upgrade that changes nothing leaves the number of pods to KEDA"
    eventually("one pod is left", lambda: running(cluster, 1), 240)
    answers = wait_for_visitors(cluster, release, 400)
    print(f"{len(answers)} requests, {len(unanswered(answers))} lost")  # noqa: T201 (the figure of the test)
    assert unanswered(answers) == []
    assert len(answers) >= 50
