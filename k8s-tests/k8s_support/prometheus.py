"""A real Prometheus in a namespace of its own, which scrapes as the operator would from a PodMonitor.

Debian's package cannot discover pods, so the pods that the PodMonitor selects are given to it as addresses.
"""

from typing import Any

import httpx
import yaml

from k8s_support import restricted
from k8s_support.cluster import Cluster, eventually, is_ready
from k8s_support.release import REGISTRY

FOLDER = "/etc/prometheus"


def scrape_config(cluster: Cluster, monitor: dict[str, Any], namespace: str) -> dict[str, Any]:
    """What the Prometheus operator makes of a PodMonitor with one endpoint, for the pods that are there."""
    selector = monitor["spec"]["selector"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    terms = [f"{name}={value}" for name, value in selector["matchLabels"].items()]
    terms += [f"{each['key']} in ({','.join(each['values'])})" for each in selector["matchExpressions"]]
    pods = cluster.core.list_namespaced_pod(namespace, label_selector=",".join(terms)).items
    targets = [
        {
            "targets": [f"{pod.status.pod_ip}:{port.container_port}"],
            "labels": {"namespace": namespace, "pod": pod.metadata.name},
        }
        for pod in pods
        for container in pod.spec.containers
        for port in container.ports
        if port.name == endpoint["port"]
    ]
    return {
        "job_name": f"{namespace}/{monitor['metadata']['name']}",
        "scrape_interval": endpoint["interval"],
        "metrics_path": endpoint["path"],
        "static_configs": targets,
    }


def start_prometheus(
    cluster: Cluster, home: str, scraped: dict[str, Any], rules: dict[str, Any], cases: dict[str, Any]
) -> None:
    """Prometheus in the namespace ``home``: one scrape config, rules, and cases for `promtool test rules`."""
    config = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": [f"{FOLDER}/rules.yml"],
        "scrape_configs": [scraped],
    }
    files = {
        "prometheus.yml": yaml.safe_dump(config),
        "rules.yml": yaml.safe_dump(rules),
        "cases.yml": yaml.safe_dump({"rule_files": ["rules.yml"], **cases}),
    }
    named = {"metadata": {"name": "prometheus"}, "apiVersion": "v1"}
    cluster.apply(
        home, {**named, "kind": "ConfigMap", "data": files}, {**named, "kind": "Pod", "spec": _pod_spec()}
    )
    eventually(
        "Prometheus is ready",
        lambda: is_ready(cluster.core.read_namespaced_pod("prometheus", home)),
    )


def _pod_spec() -> dict[str, Any]:
    container = {
        "name": "prometheus",
        "image": f"{REGISTRY}/chatbot/prometheus:dev",
        "imagePullPolicy": "Always",
        "args": [f"--config.file={FOLDER}/prometheus.yml", "--storage.tsdb.path=/data"],
        # promtool keeps its trial databases where temporary files go.
        "env": [{"name": "TMPDIR", "value": "/data"}],
        "ports": [{"containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "securityContext": {**restricted.CONTAINER, "readOnlyRootFilesystem": True},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": FOLDER},
            {"name": "data", "mountPath": "/data"},
        ],
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {**restricted.POD, "fsGroup": 10001},
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": "prometheus"}},
            {"name": "data", "emptyDir": {}},
        ],
    }


def samples(address: str, query: str) -> list[float]:
    """Values of an instant query; NaN, which a dashboard shows as a gap, is none."""
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, timeout=30)
    assert answer.status_code == 200, f"{query}: {answer.text}"
    values = [float(found["value"][1]) for found in answer.json()["data"]["result"]]
    return [value for value in values if value == value]
