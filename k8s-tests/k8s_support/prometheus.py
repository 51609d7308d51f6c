"""A real Prometheus in a namespace of its own, which scrapes as the operator would from a PodMonitor."""

from typing import Any

import httpx
import yaml

from k8s_support.cluster import Cluster, eventually, is_ready
from k8s_support.release import REGISTRY

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def scrape_config(monitor: dict[str, Any], namespace: str) -> dict[str, Any]:
    """What the Prometheus operator makes of a PodMonitor with one endpoint."""
    selector = monitor["spec"]["selector"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    wanted = {name: [value] for name, value in selector["matchLabels"].items()}
    wanted |= {each["key"]: each["values"] for each in selector["matchExpressions"]}
    keep = [
        {
            "action": "keep",
            "source_labels": ["__meta_kubernetes_pod_label_" + name.translate(str.maketrans("./-", "___"))],
            "regex": "|".join(values),
        }
        for name, values in wanted.items()
    ]
    port = {
        "action": "keep",
        "source_labels": ["__meta_kubernetes_pod_container_port_name"],
        "regex": endpoint["port"],
    }
    labels = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
        for source, target in (("namespace", "namespace"), ("pod_name", "pod"))
    ]
    return {
        "job_name": f"{namespace}/{monitor['metadata']['name']}",
        "scrape_interval": endpoint["interval"],
        "metrics_path": endpoint["path"],
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [*keep, port, *labels],
    }


def start_prometheus(
    cluster: Cluster, home: str, watched: str, monitor: dict[str, Any], rules: dict[str, Any]
) -> None:
    """Prometheus in the namespace ``home``, which may see the pods of ``watched`` and evaluates the rules."""
    config = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": ["/etc/prometheus/rules.yml"],
        "scrape_configs": [scrape_config(monitor, watched)],
    }
    account = {"kind": "ServiceAccount", "name": "prometheus", "namespace": home}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "prometheus"}
    look = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    rights = "rbac.authorization.k8s.io/v1"
    files = {"prometheus.yml": yaml.safe_dump(config), "rules.yml": yaml.safe_dump(rules)}
    objects: list[tuple[str, dict[str, Any]]] = [
        (home, {"apiVersion": "v1", "kind": "ServiceAccount"}),
        (watched, {"apiVersion": rights, "kind": "Role", "rules": [look]}),
        (watched, {"apiVersion": rights, "kind": "RoleBinding", "roleRef": role, "subjects": [account]}),
        (home, {"apiVersion": "v1", "kind": "ConfigMap", "data": files}),
        (home, {"apiVersion": "v1", "kind": "Pod", "spec": _pod_spec()}),
    ]
    for namespace, body in objects:
        cluster.apply(namespace, {**body, "metadata": {"name": "prometheus"}})
    eventually(
        "Prometheus is ready",
        lambda: is_ready(cluster.core.read_namespaced_pod("prometheus", home)),
    )


def _pod_spec() -> dict[str, Any]:
    container = {
        "name": "prometheus",
        "image": f"{REGISTRY}/chatbot/prometheus:dev",
        "imagePullPolicy": "Always",
        "args": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data"],
        "ports": [{"containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus"},
            {"name": "data", "mountPath": "/data"},
        ],
    }
    return {
        "serviceAccountName": "prometheus",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": "prometheus"}},
            {"name": "data", "emptyDir": {}},
        ],
    }


def samples(address: str, query: str) -> list[float]:
    """Values of an instant query; what is not a number is none."""
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, timeout=30)
    assert answer.status_code == 200, f"{query}: {answer.text}"
    values = [float(found["value"][1]) for found in answer.json()["data"]["result"]]
    return [value for value in values if value == value]
