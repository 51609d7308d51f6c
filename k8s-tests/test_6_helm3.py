"""Helm 3 installs every value, tests, changes each of them and rolls back; Helm 4 takes the release over."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from k8s_support.cluster import Cluster
from k8s_support.every_value import OFFICE as WALK
from k8s_support.every_value import every_value
from k8s_support.release import Release, missing, release_in

NAMESPACE = "chatbot-tests-helm3"
HELM3 = os.environ.get("HELM3", "helm3")
OFFICE: dict[str, Any] = {**WALK, "gpu": {"enabled": False}, "maxTokens": 16}


def values(turn: int = 0, **office: Any) -> dict[str, Any]:
    return {
        **every_value(turn),
        "services": {"office": {**OFFICE, **office}, "character": {"enabled": False}},
        "ingress": {"enabled": False},
    }


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None) -> Iterator[Release]:
    if shutil.which(HELM3) is None:
        missing(f"{HELM3} is not in PATH")
    with release_in(cluster, NAMESPACE, HELM3) as release:
        release.apply(values(), "--wait", "--timeout", "6m")
        yield release


@pytest.fixture
def helm4(release: Release) -> Release:
    newer = Release(NAMESPACE)
    assert newer("version", "--short").startswith("v4"), "helm, or what HELM names, is expected to be Helm 4"
    return newer


def parallel(cluster: Cluster) -> str:
    """How many sequences the office pod that stays decodes at once: a value that the tests change."""
    pod = cluster.ready_pod(NAMESPACE, "office")
    (value,) = [each.value for each in pod.spec.containers[0].env if each.name == "CHATBOT_OFFICE__PARALLEL"]
    return str(value)


def test_helm_3_installs_and_its_test_passes(cluster: Cluster, release: Release) -> None:
    assert release("version", "--short").startswith("v3")
    assert "Phase:          Succeeded" in release("test", "chat", "--timeout", "5m")
    assert parallel(cluster) == "8"
    assert_turn(cluster, 0)


def assert_turn(cluster: Cluster, turn: int) -> None:
    """What the pods and objects have of this turn's values."""
    name = f"turn-{turn}"
    for part in ("office", "history", "gateway"):
        for pod in cluster.pods(NAMESPACE, part):
            if pod.metadata.deletion_timestamp is None:
                assert pod.metadata.labels["turn"] == pod.metadata.labels["pod-turn"] == name
                assert pod.spec.security_context.supplemental_groups == [1000 + turn]
    copying = cluster.batch.read_namespaced_cron_job("chat-chatbot-backup", NAMESPACE).spec
    assert (copying.schedule, copying.time_zone) == (f"{turn} 3 1 1 *", [None, "Asia/Seoul"][turn])
    assert copying.job_template.spec.template.metadata.labels["turn"] == name
    pod = cluster.ready_pod(NAMESPACE, "office")
    office = pod.metadata.name
    assert pod.spec.service_account_name == ["chat-chatbot", "mine"][turn]
    assert pod.spec.dns_policy == ["ClusterFirst", "ClusterFirstWithHostNet"][turn]
    assert "before" in [each.name for each in pod.spec.init_containers]
    entries = [
        each for each in cluster.pods(NAMESPACE, "gateway") if each.metadata.deletion_timestamp is None
    ]
    assert {"beside" in [each.name for each in entry.spec.containers] for entry in entries} == {turn == 0}
    shell = 'echo "$TURN $MORE $NO_PROXY ${SSL_CERT_FILE:-none}"; ls -d /more-*; grep beside /etc/hosts'
    said = cluster.run(NAMESPACE, office, "sh", "-c", shell).split()
    authorities = ["/etc/chatbot/authorities/ca.crt", "none"][turn]
    assert said[:4] == [name, "chat", f"*,{name}", authorities]
    assert said[4:] == [f"/more-{turn}", f"10.9.0.{turn + 1}", "beside"]


def test_helm_3_changes_each_value_and_rolls_back(cluster: Cluster, release: Release) -> None:
    release.apply(values(1, parallel=4), "--wait", "--timeout", "5m")
    assert parallel(cluster) == "4"
    assert_turn(cluster, 1)
    release("rollback", "chat", "1", "--wait", "--timeout", "5m")
    assert parallel(cluster) == "8"
    assert [each["status"] for each in release.history()] == ["superseded", "superseded", "deployed"]


def test_helm_4_takes_the_release_over(cluster: Cluster, release: Release, helm4: Release) -> None:
    helm4.apply(values(parallel=6), "--wait", "--timeout", "5m")
    assert parallel(cluster) == "6"
    assert helm4.history()[-1]["status"] == "deployed"
