"""The gateway itself is replaced: visitors inside the cluster, who ask its Service, notice nothing."""

import time
from typing import Any

import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import SUITE_NAMESPACE, SUITE_VALUES, Release
from k8s_support.visitors import seen_by_visitors, start_visitors, unanswered, wait_for_visitors

NAMESPACE = SUITE_NAMESPACE
LONG_ANSWERS: dict[str, Any] = {**SUITE_VALUES, "services": {"office": {"maxTokens": 300}}}


@pytest.fixture
def visiting(cluster: Cluster, suite: Release) -> None:
    """A pod that asks and streams through the gateway's Service."""
    suite.apply(LONG_ANSWERS, "--wait", "--timeout", "5m")
    cluster.ready_pod(NAMESPACE, "office")
    start_visitors(cluster, suite, 40)


def test_another_gateway_takes_over_without_an_error(
    cluster: Cluster, suite: Release, visiting: None
) -> None:
    eventually("both visitors were answered", lambda: len(seen_by_visitors(cluster, suite)) >= 2, 120)
    old = cluster.ready_pod(NAMESPACE, "gateway").metadata.uid
    suite.apply({**LONG_ANSWERS, "gateway": {"bodyLimit": "3m"}})
    eventually(
        "the old gateway is gone",
        lambda: old not in [pod.metadata.uid for pod in cluster.pods(NAMESPACE, "gateway")],
        240,
    )
    gone = time.time()
    # Whole seconds: a stream may end and another begin within one.
    came = cluster.ready_pod(NAMESPACE, "gateway").metadata.creation_timestamp.timestamp()
    answers = wait_for_visitors(cluster, suite)
    assert unanswered(answers) == []
    streams = [each for each in answers if each["last"] == "done"]
    assert any(each["began"] < gone and each["ended"] > came for each in streams), "while they change"
    assert any(each["began"] > came + 1 for each in answers)
