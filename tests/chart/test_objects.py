"""Objects beside the pods: Services, budgets, monitors, accounts, the operator's own, names."""

from typing import Any

import pytest
import yaml
from tests.chart.rendering import containers, example, manifests, of_kind, pod_specs, templates

ALL: dict[str, Any] = {"libs": {"source": "pvc"}, "loadTest": {"enabled": True}}
BALANCED = {
    "type": "LoadBalancer",
    "annotations": {"a": "b"},
    "loadBalancerClass": "example.com/lb",
    "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "externalTrafficPolicy": "Local",
    "nodePort": 30001,
    "ipFamilyPolicy": "PreferDualStack",
    "ipFamilies": ["IPv6", "IPv4"],
}


@pytest.mark.parametrize(
    ("component", "values"),
    [
        ("office", {"services": {"office": {"service": BALANCED}}}),
        ("gateway", {"gateway": {"service": BALANCED}}),
        ("outage", {"gateway": {"outageService": BALANCED}}),
        ("history", {"history": {"bundled": {"service": BALANCED}}}),
    ],
)
def test_every_service_takes_what_load_balancers_read(component: str, values: dict[str, Any]) -> None:
    services = of_kind(manifests(values), "Service")
    found = services[f"chat-chatbot-{component}"]
    assert found["metadata"]["annotations"] == BALANCED["annotations"]
    spec = found["spec"]
    assert spec["ports"][0]["nodePort"] == BALANCED["nodePort"]
    assert {key: spec[key] for key in set(BALANCED) & set(spec)} == {
        key: value for key, value in BALANCED.items() if key not in {"annotations", "nodePort"}
    }
    assert [name for name, each in services.items() if each["spec"]["type"] == "LoadBalancer"] == [
        f"chat-chatbot-{component}"
    ]


@pytest.mark.parametrize(
    ("names", "hosts"),
    [
        ({}, [None]),
        ({"host": "a.test"}, ["a.test"]),
        ({"host": "a.test", "extraHosts": ["b.test", "a.test"]}, ["a.test", "b.test"]),
        ({"extraHosts": ["b.test"]}, ["b.test"]),
    ],
)
def test_an_ingress_answers_for_several_hosts(names: dict[str, Any], hosts: list[str | None]) -> None:
    objects = manifests({"ingress": {**names, "tls": {"secretName": "tls"}}})
    for ingress in of_kind(objects, "Ingress").values():
        rules = ingress["spec"]["rules"]
        assert [rule.get("host") for rule in rules] == hosts
        assert all(rule["http"] == rules[0]["http"] for rule in rules)
        assert ingress["spec"]["tls"][0].get("hosts") == (None if hosts == [None] else hosts)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"maxUnavailable": "25%"}, {"maxUnavailable": "25%"}),
        ({"minAvailable": "50%"}, {"minAvailable": "50%"}),
        ({"minAvailable": 2}, {"minAvailable": 2}),
    ],
)
@pytest.mark.parametrize("component", ["office", "gateway"])
def test_a_budget_in_every_style(component: str, budget: dict[str, Any], expected: dict[str, Any]) -> None:
    block = {**budget, "replicas": 3, "unhealthyPodEvictionPolicy": "IfHealthyBudget"}
    values = {"gateway": block} if component == "gateway" else {"services": {component: block}}
    spec = of_kind(manifests(values), "PodDisruptionBudget")[f"chat-chatbot-{component}"]["spec"]
    assert spec.pop("unhealthyPodEvictionPolicy") == "IfHealthyBudget"
    assert {key: spec[key] for key in spec if key != "selector"} == expected


def test_figures_of_probes() -> None:
    probes = {
        "startup": {"periodSeconds": 5},
        "readiness": {"failureThreshold": 9},
        "liveness": {"timeoutSeconds": None, "periodSeconds": None, "failureThreshold": None},
    }
    specs = pod_specs(manifests({"services": {"office": {"probes": probes, "startupSeconds": 600}}}))
    office = specs["Deployment/chat-chatbot-office"]["containers"][0]
    assert (office["startupProbe"]["periodSeconds"], office["startupProbe"]["failureThreshold"]) == (5, 120)
    assert (office["readinessProbe"]["failureThreshold"], office["readinessProbe"]["periodSeconds"]) == (9, 2)
    assert set(office["livenessProbe"]) == {"httpGet"}


def test_a_service_monitor_in_place_of_the_pod_monitor() -> None:
    monitor = {"enabled": True, "labels": {"release": "prometheus"}, "interval": "30s"}
    objects = manifests({"monitoring": {"serviceMonitor": monitor}})
    (found,) = of_kind(objects, "ServiceMonitor").values()
    assert of_kind(objects, "PodMonitor") == {}
    assert found["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = found["spec"]["endpoints"]
    (component,) = found["spec"]["selector"]["matchExpressions"]
    for name in component["values"]:
        service = of_kind(objects, "Service")[f"chat-chatbot-{name}"]
        assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
        labels = service["metadata"]["labels"]
        assert labels.items() >= found["spec"]["selector"]["matchLabels"].items()
        assert labels[component["key"]] == name


def test_an_existing_account_is_used_by_every_pod() -> None:
    objects = manifests({**ALL, "serviceAccount": {"create": False, "name": "mine"}})
    assert of_kind(objects, "ServiceAccount") == {}
    assert {spec["serviceAccountName"] for spec in pod_specs(objects).values()} == {"mine"}


def test_objects_of_the_operators_are_templates_too() -> None:
    content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-x"}}
    objects = manifests({"extraObjects": [content, yaml.safe_dump(content).replace("-x", "-y")]})
    assert {"chat-x", "chat-y"} <= set(of_kind(objects, "ConfigMap"))


def test_one_registry_stands_for_all() -> None:
    images = {
        each["image"]
        for spec in pod_specs(manifests({**ALL, "images": {"registry": "r.test"}})).values()
        for each in containers(spec)
    }
    assert {image.split("/")[0] for image in images} == {"r.test"}
    assert "r.test/library/mongo:8.0" in images
    own = {"images": {"registry": "r.test"}, "history": {"bundled": {"image": {"repository": "o.test/db"}}}}
    database = pod_specs(manifests(own))["StatefulSet/chat-chatbot-history"]["containers"][0]["image"]
    assert database == "o.test/db:8.0"
    database = pod_specs(manifests())["StatefulSet/chat-chatbot-history"]["containers"][0]["image"]
    assert database == "docker.io/library/mongo:8.0"


def test_names_that_are_too_long_do_not_collide() -> None:
    def prefix(override: str) -> str:
        (account,) = of_kind(manifests({"fullnameOverride": override}), "ServiceAccount")
        return account

    assert prefix("r" * 36) == "r" * 36
    first, second = prefix("r" * 39 + "a"), prefix("r" * 39 + "b")
    assert first != second
    assert len(first) == len(second) == 36


def test_the_small_example_needs_two_cores_and_no_card() -> None:
    objects = manifests(example("small"))
    requests = [
        pod_specs(objects)[f"Deployment/chat-chatbot-{name}"]["containers"][0]["resources"]["requests"]["cpu"]
        for name in ("office", "character")
    ]
    assert requests == ["500m", "500m"]
    assert "nvidia.com/gpu" not in str(pod_specs(objects)).replace("'key': 'nvidia.com/gpu'", "")
    assert of_kind(objects, "StatefulSet") == {}
    assert templates(example("small"))
