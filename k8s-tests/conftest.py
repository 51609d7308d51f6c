"""A hub, namespaces and releases for the tests; what a failed test's namespace held is printed."""

from collections.abc import Iterator
from typing import Any

import pytest

from k8s_support.cluster import Cluster
from k8s_support.cluster import report as describe
from k8s_support.hub import start_hub
from k8s_support.release import HUB_NAMESPACE, SUITE_NAMESPACE, SUITE_VALUES, Release
from k8s_support.web import forward


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Adds nodes, and events, descriptions and logs of the test's namespace, to its failure."""
    report = yield
    namespace = getattr(getattr(item, "module", None), "NAMESPACE", None)
    if report.failed and namespace and "cluster" in getattr(item, "fixturenames", ()):
        report.sections.append((f"namespace {namespace}", describe(namespace)))
    return report


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture(scope="session")
def hub(cluster: Cluster) -> Iterator[None]:
    cluster.create_namespace(HUB_NAMESPACE)
    start_hub(cluster, "hub")
    yield
    cluster.delete_namespace(HUB_NAMESPACE)


@pytest.fixture(scope="session")
def suite(cluster: Cluster, hub: None) -> Iterator[Release]:
    """Both services with their cards, an Ingress and an HTTPRoute, Pod Security restricted."""
    cluster.create_namespace(SUITE_NAMESPACE)
    release = Release(SUITE_NAMESPACE)
    release.apply(SUITE_VALUES)
    for component in ("office", "character", "gateway"):
        cluster.ready_pod(SUITE_NAMESPACE, component, 400)
    yield release
    release("uninstall", "chat", "--wait", check=False)
    cluster.delete_namespace(SUITE_NAMESPACE)


@pytest.fixture(scope="session")
def gateway(suite: Release) -> Iterator[str]:
    with forward(SUITE_NAMESPACE, f"service/{suite.object('gateway')}", 8001) as address:
        yield address


@pytest.fixture(scope="session")
def controller() -> Iterator[str]:
    with forward("ingress", "service/ingress", 80) as address:
        yield address
