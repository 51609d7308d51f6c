"""A release of the chart, through the helm command line (Helm 4, or another by HELM)."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from k8s_support.cluster import Cluster

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "chatbot"
VALUES = Path(__file__).parents[1] / "values.yaml"
REGISTRY = os.environ.get("K8S_TESTS_REGISTRY", "127.0.0.1:5000")
ACCESS_MODE = os.environ.get("K8S_TESTS_ACCESS_MODE", "ReadWriteMany")
HELM = os.environ.get("HELM", "helm")
HUB_NAMESPACE = "chatbot-tests-hub"
SUITE_NAMESPACE = "chatbot-tests-suite"
SUITE_VALUES: dict[str, Any] = {
    "ingress": {"host": "ingress.test"},
    "httpRoute": {
        "enabled": True,
        "parentRefs": [{"name": "gateway", "namespace": "ingress"}],
        "hostnames": ["route.test"],
    },
}


def missing(what: str) -> NoReturn:
    """Skip the test; fail it where everything is expected to be there (K8S_TESTS_REQUIRE_ALL)."""
    if os.environ.get("K8S_TESTS_REQUIRE_ALL"):
        pytest.fail(what)
    pytest.skip(what)


class Release:
    """One release named ``chat`` in one namespace; objects are named ``chat-chatbot-…``."""

    def __init__(self, namespace: str, helm: str = HELM) -> None:
        self.namespace = namespace
        self.helm = helm
        self.values: dict[str, Any] = {}

    def __call__(self, *arguments: str, check: bool = True, seconds: int = 600) -> str:
        """Run helm in the release's namespace and return what it prints."""
        command = [self.helm, "-n", self.namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def apply(self, values: dict[str, Any] | None = None, *arguments: str) -> str:
        """Install, or upgrade to, the test values with ``values`` over them."""
        return self("upgrade", "--install", *self._chart(values), *arguments)

    def rendered(self, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """What ``apply`` with these values would install, the objects of absent operators included."""
        return [found for found in yaml.safe_load_all(self("template", *self._chart(values))) if found]

    def _chart(self, values: dict[str, Any] | None) -> list[str]:
        volumes = {
            name: {"accessMode": ACCESS_MODE} for name in ("models", "data", "results", "backups", "libs")
        }
        self.values = {"images": {"registry": REGISTRY}, "storage": volumes, **(values or {})}
        over = Path(os.environ.get("TMPDIR", "/tmp")) / f"{self.namespace}.values.yaml"
        over.write_text(yaml.safe_dump(self.values))
        return ["chat", str(CHART), "-f", str(VALUES), "-f", str(over)]

    def history(self) -> list[dict[str, Any]]:
        """Revisions, oldest first."""
        listed: list[dict[str, Any]] = json.loads(self("history", "chat", "-o", "json"))
        return listed

    def object(self, component: str) -> str:
        """Name of a component's Deployment or Service."""
        return f"chat-chatbot-{component}"


@contextmanager
def release_in(cluster: Cluster, namespace: str, helm: str = HELM) -> Iterator[Release]:
    """A release of a namespace of its own, not installed yet; both are gone afterwards."""
    cluster.create_namespace(namespace)
    release = Release(namespace, helm)
    try:
        yield release
    finally:
        release("uninstall", "chat", check=False)
        cluster.delete_namespace(namespace)
