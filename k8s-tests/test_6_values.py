"""What Helm 3 and Helm 4 make of sparse services and of the former chart's values."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s_support.cluster import Cluster
from k8s_support.release import CHART, ROOT, Release, missing

pytestmark = pytest.mark.anywhere
NAMESPACE = "chatbot-tests-values"
HELMS = (os.environ.get("HELM", "helm"), os.environ.get("HELM3", "helm3"))
FORMER = ROOT / "tests" / "chart" / "former_services.yaml"
SPARSE: dict[str, Any] = {
    "serviceDefaults": {
        "priorityClassName": "high",
        "nodeSelector": {"a": "b"},
        "resources": {"limits": {"memory": "4Gi"}},
        "sampling": {"temperature": 0.9},
    },
    "services": {
        name: {
            "gpu": {"enabled": False, "products": []},
            "priorityClassName": "",
            "nodeSelector": None,
            "tolerations": None,
            "affinity": None,
            "resources": {"limits": None},
            "sampling": {"temperature": 0},
        }
        for name in ("office", "tutor")
    },
}


@pytest.fixture(scope="module", params=HELMS)
def release(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Release]:
    """A release of a chart that stands for the former one: its name and values, and a single object."""
    if shutil.which(request.param) is None:
        missing(f"{request.param} is not in PATH")
    cluster.create_namespace(NAMESPACE)
    yield Release(NAMESPACE, request.param)
    cluster.delete_namespace(NAMESPACE)


def former_chart(folder: Path) -> Path:
    """A chart with the former chart's values, which installs one ConfigMap."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    del values["serviceDefaults"]
    values["services"] = yaml.safe_load(FORMER.read_text())["services"]
    (folder / "templates").mkdir()
    shutil.copy(CHART / "Chart.yaml", folder)
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    (folder / "templates" / "one.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n",
    )
    return folder


def test_what_a_service_says_wins_even_when_it_says_nothing(release: Release, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(SPARSE))
    only = ["-s", "templates/service/deployment.yaml", "--kube-version", "1.36.0"]
    rendered = release("template", "chat", str(CHART), "-f", str(file), *only)
    specs = {
        found["metadata"]["name"]: found["spec"]["template"]["spec"]
        for found in yaml.safe_load_all(rendered)
        if found
    }
    for name in ("office", "tutor"):
        spec = specs[f"chat-chatbot-{name}"]
        (container,) = spec["containers"]
        env = {each["name"]: each.get("value") for each in container["env"]}
        assert {"priorityClassName", "nodeSelector", "tolerations", "affinity"}.isdisjoint(spec)
        assert container["resources"].get("limits") is None
        assert env[f"CHATBOT_{name.upper()}__TEMPERATURE"] == "0"


def test_the_former_values_upgrade_or_are_refused_with_the_remedy(release: Release, tmp_path: Path) -> None:
    release("install", "chat", str(former_chart(tmp_path)), "--set", "services.office.replicas=2")
    upgrade = ["upgrade", "chat", str(CHART), "--dry-run=server"]
    assert "use --reset-then-reuse-values" in release(*upgrade, "--reuse-values", check=False)
    kept = release(*upgrade, "--reset-then-reuse-values")
    assert "replicas: 2" in kept
    assert "replicas: 2" not in release(*upgrade, "-f", str(FORMER))


def test_a_load_balancer_of_a_class_is_one_that_the_cluster_takes(
    cluster: Cluster, release: Release, tmp_path: Path
) -> None:
    """By a dry run: nobody serves this class, and an install would wait for its address."""
    service = {
        "type": "LoadBalancer",
        "loadBalancerClass": "example.com/none",
        "loadBalancerSourceRanges": ["192.0.2.0/24"],
        "externalTrafficPolicy": "Local",
    }
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"services": {"office": {"service": service}}}))
    only = ["-s", "templates/service/service.yaml", "--kube-version", "1.36.0"]
    rendered = release("template", "chat", str(CHART), "-f", str(file), *only)
    (office,) = [
        found
        for found in yaml.safe_load_all(rendered)
        if found and found["metadata"]["name"] == "chat-chatbot-office"
    ]
    taken = cluster.core.create_namespaced_service(NAMESPACE, office, dry_run="All").spec
    assert (taken.type, taken.load_balancer_class) == ("LoadBalancer", "example.com/none")
    assert taken.load_balancer_source_ranges == ["192.0.2.0/24"]
    assert taken.external_traffic_policy == "Local"
