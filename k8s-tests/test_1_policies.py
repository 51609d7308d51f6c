"""NetworkPolicies both ways: a pod with a component's labels reaches exactly what that component needs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import HUB_NAMESPACE, SUITE_NAMESPACE, Release

NAMESPACE = SUITE_NAMESPACE
OUTSIDE = {"hub", "kubernetes", "names"}
REACHES: dict[str, set[str]] = {
    "office": {"history", "names"},
    "character": {"history", "names"},
    "gateway": {"office", "character", "names"},
    "history": set(),
    "models": {"hub", "names"},
    "test": {"office", "character", "gateway", "names"},
    "stranger": OUTSIDE,
    "foreigner": OUTSIDE,
}
"""By component what it reaches; a stranger has no policy, so what keeps it out is the services' own."""

TRY = """
import concurrent.futures, json, socket, sys
def reached(target):
    name, host, port = target
    try:
        if name == "names":
            return socket.gethostbyname("kubernetes.default.svc.cluster.local") and name
        return socket.create_connection((host, port), 3).close() or name
    except OSError:
        return ""
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps(sorted(filter(None, pool.map(reached, json.loads(sys.argv[1]))))))
"""


def probe(image: str, name: str, component: str) -> dict[str, Any]:
    """A pod that only sleeps; never ready, so that no Service sends it anything."""
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    labels = {
        "app.kubernetes.io/name": "chatbot",
        "app.kubernetes.io/instance": "chat",
        "app.kubernetes.io/component": component,
    }
    container = {
        "name": "probe",
        "image": image,
        "command": ["sleep", "600"],
        "readinessProbe": {"exec": {"command": ["false"]}},
        "securityContext": restricted,
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels if component else {}},
        "spec": {
            "securityContext": security,
            "containers": [container],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        },
    }


def home(part: str) -> str:
    return HUB_NAMESPACE if part == "foreigner" else NAMESPACE


@pytest.fixture(scope="module")
def probes(cluster: Cluster, suite: Release, targets: list[tuple[str, str, int]]) -> Iterator[None]:
    image = cluster.ready_pod(NAMESPACE, "office").spec.containers[0].image
    for part in REACHES:
        component = "" if part in {"stranger", "foreigner"} else part
        cluster.apply(home(part), probe(image, f"probe-{part}", component))
    for part in REACHES:

        def running(name: str = f"probe-{part}", namespace: str = home(part)) -> bool:
            return bool(cluster.core.read_namespaced_pod(name, namespace).status.phase == "Running")

        eventually(f"the probe of {part} runs", running)
    yield
    for part in REACHES:
        cluster.core.delete_namespaced_pod(f"probe-{part}", home(part), grace_period_seconds=0)


@pytest.fixture(scope="module")
def targets(cluster: Cluster, suite: Release) -> list[tuple[str, str, int]]:
    """By address, so that nothing is out of reach only because its name is."""

    def service(name: str, namespace: str = NAMESPACE) -> tuple[str, int]:
        spec = cluster.core.read_namespaced_service(name, namespace).spec
        return spec.cluster_ip, spec.ports[0].port

    found = [
        (part, *service(suite.object(part)))
        for part in ("office", "character", "gateway", "outage", "history")
    ]
    gateway = cluster.ready_pod(NAMESPACE, "gateway")
    return [
        *found,
        ("the gateway's probe port", gateway.status.pod_ip, 8081),
        ("hub", *service("hub", HUB_NAMESPACE)),
        ("kubernetes", *service("kubernetes", "default")),
        ("names", "", 0),
    ]


@pytest.mark.parametrize("part", REACHES)
def test_what_must_flow_flows_and_everything_else_is_dropped(
    cluster: Cluster, probes: None, targets: list[tuple[str, str, int]], part: str
) -> None:
    def reached() -> set[str]:
        said = cluster.run(home(part), f"probe-{part}", "python", "-c", TRY, json.dumps(targets))
        return set(json.loads(said.splitlines()[-1]))

    # The agent needs a moment to learn of a new pod. One look at a pod that may ask no name takes 20 s.
    assert eventually(f"{part} reaches {REACHES[part]}", lambda: reached() == REACHES[part], 30)


def test_pod_security_is_enforced_where_the_suite_runs(cluster: Cluster, suite: Release) -> None:
    loose = probe("x", "loose", "")
    loose["spec"]["securityContext"] = {}
    with pytest.raises(ApiException) as refused:
        cluster.core.create_namespaced_pod(NAMESPACE, loose)
    assert refused.value.status == 403
    assert "restricted" in str(refused.value.body)
