"""Dashboard, alerts and scaling ask only for series that services export, by labels that they have."""

import json
import re
from datetime import date
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.chart.rendering import example, manifests, merge, of_kind

from chatbot.adapters.prometheus import Metrics
from chatbot.domain.telemetry import Outcome
from chatbot.services.registry import SERVICES

SCRAPED = {"namespace", "pod", "le"}
"""Labels that a scrape or a histogram adds."""

METRIC = re.compile(r"(chatbot_[a-z_]+)(?:\{((?:\"[^\"]*\"|[^}\"])*)\})?")
GROUPING = re.compile(r"by \(([^)]*)\)")


@pytest.fixture(scope="module")
def series() -> dict[str, set[str]]:
    """Labels of every exported series by its name, after some traffic."""
    metrics = Metrics()
    engine = metrics.engine_meter("m")
    engine.step(2, 0.1)
    engine.preempted()
    engine.started(1, 2)
    metrics.model_ends("gpt4.1", "gpt-4.1", date(2027, 1, 14))
    for service in SERVICES:
        meter = metrics.service_meter(service)
        meter.finished(Outcome.SUCCESSFUL, 1)
        meter.first_token(0.1)
        meter.inter_token(0.1)
        meter.queued(0.1)
        metrics.watch_service(
            service, active=lambda: 1.0, queued=lambda: 1.0, pending=lambda: 0.0, uptime=lambda: 1.0
        )
    exported: dict[str, set[str]] = {
        "chatbot_kv_tokens_used": {"engine"},
        "chatbot_kv_tokens_total": {"engine"},
    }
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            exported.setdefault(sample.name, set()).update(sample.labels)
    return exported


def dashboard_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The Grafana dashboard of a release."""
    text = of_kind(objects, "ConfigMap")["chat-chatbot-dashboard"]["data"]["chatbot.json"]
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def expressions() -> list[str]:
    objects = manifests(example("observability"))
    dashboard = dashboard_of(objects)
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    (rules,) = of_kind(objects, "PrometheusRule").values()
    found += [rule["expr"] for group in rules["spec"]["groups"] for rule in group["rules"]]
    for scaled in of_kind(objects, "ScaledObject").values():
        found += [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    return found


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_what_is_exported(expression: str, series: dict[str, set[str]]) -> None:
    asked = METRIC.findall(expression)
    assert asked
    for name, selector in asked:
        assert name in series
        labels = set(re.findall(r"(\w+)\s*[=!]~?\s*\"", selector))
        assert labels <= series[name] | SCRAPED
        for group in GROUPING.findall(expression):
            assert {label.strip() for label in group.split(",")} <= series[name] | SCRAPED


def test_outcomes_in_alerts_are_real(series: dict[str, set[str]]) -> None:
    named = {name for text in expressions() for name in re.findall(r'outcome="(\w+)"', text)}
    assert named <= {outcome.value for outcome in Outcome}
    assert named


def test_the_pod_monitor_selects_the_services_metrics_port() -> None:
    objects = manifests(example("observability"))
    (monitor,) = of_kind(objects, "PodMonitor").values()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    deployments = of_kind(objects, "Deployment")
    for component in expression["values"]:
        spec = deployments[f"chat-chatbot-{component}"]["spec"]["template"]["spec"]
        assert endpoint["port"] in [port["name"] for port in spec["containers"][0]["ports"]]


def test_a_scaled_deployment_leaves_its_replicas_to_keda() -> None:
    objects = manifests(example("observability"))
    (scaled,) = of_kind(objects, "ScaledObject").values()
    deployment: dict[str, Any] = of_kind(objects, "Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]
    assert "replicas" not in deployment["spec"]


def test_pods_are_taken_away_one_by_one_after_a_quiet_time() -> None:
    """KEDA's cooldownPeriod is about the last pod alone; what holds before is the HPA's behaviour."""
    values = merge(
        example("observability"), {"services": {"office": {"autoscaling": {"cooldownSeconds": 77}}}}
    )
    (scaled,) = of_kind(manifests(values), "ScaledObject").values()
    assert "cooldownPeriod" not in scaled["spec"]
    down = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 77
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


def pods_in(expression: str) -> list[re.Pattern[str]]:
    """What each selector of an expression says of pods' names."""
    return [re.compile(re.search(r'pod=~"([^"]+)"', found)[1]) for _, found in METRIC.findall(expression)]  # type: ignore[index]


POD = "chat-chatbot-office-5d9c7b6f8-x2x4z"
OTHERS = (
    "other-chatbot-office-5d9c7b6f8-x2x4z",
    "chat-chatbot-b-office-5d9c7b6f8-x2x4z",
    "chat-chatbot-office-office-5d9c7b6f8-x2x4z",
)
"""Pods of other releases of the namespace: other, chat-chatbot-b, chat-chatbot-office."""


def test_the_query_of_a_scaled_service_sees_its_own_pods_alone() -> None:
    (scaled,) = of_kind(manifests(example("observability")), "ScaledObject").values()
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    (pods,) = pods_in(query)
    assert pods.fullmatch(POD)
    for other in ("chat-chatbot-character-5d9c7b6f8-x2x4z", *OTHERS):
        assert not pods.fullmatch(other)
    # A ServiceMonitor gives the target's name to this label, and the service's own another.
    assert "service=" not in query


def test_alerts_are_about_this_release() -> None:
    (rules,) = of_kind(manifests(example("observability")), "PrometheusRule").values()
    for group in rules["spec"]["groups"]:
        for rule in group["rules"]:
            patterns = pods_in(rule["expr"])
            assert patterns
            for pods in patterns:
                assert pods.fullmatch(POD), rule["alert"]
                assert pods.fullmatch("chat-chatbot-character-5d9c7b6f8-x2x4z"), rule["alert"]
                assert not any(pods.fullmatch(other) for other in OTHERS), rule["alert"]


def test_pods_of_a_long_name_are_seen_too() -> None:
    """The random end follows a name that was cut without a hyphen."""
    values = merge(example("observability"), {"fullnameOverride": "n" * 36})
    (rules,) = of_kind(manifests(values), "PrometheusRule").values()
    (pods,) = pods_in(rules["spec"]["groups"][0]["rules"][0]["expr"])
    replica_set = f"{'n' * 36}-character-5d9c7b6f89"
    assert pods.fullmatch(f"{replica_set[:50]}x2x4z")


def test_the_dashboard_shows_the_chosen_release_alone() -> None:
    dashboard = dashboard_of(manifests(example("observability")))
    (variable,) = [each for each in dashboard["templating"]["list"] if each["name"] == "release"]
    named = re.compile(variable["regex"].strip("/"))
    names = [found[1] for pod in (POD, *OTHERS) if (found := named.match(pod))]
    assert names == ["chat-chatbot", "other-chatbot", "chat-chatbot-b", "chat-chatbot-office"]
    for target in (target for panel in dashboard["panels"] for target in panel["targets"]):
        for pods in pods_in(target["expr"].replace("${release}", "chat-chatbot")):
            assert pods.fullmatch(POD)
            assert not any(pods.fullmatch(other) for other in OTHERS)
        for pods in pods_in(target["expr"].replace("${release}", variable["allValue"])):
            # Outside a cluster no pod is named.
            assert all(pods.fullmatch(each) for each in ("", POD, *OTHERS))


def test_no_monitor_takes_the_pods_by_a_second_service() -> None:
    values = {"monitoring": {"serviceMonitor": {"enabled": True}}}
    objects = manifests(values)
    (monitor,) = of_kind(objects, "ServiceMonitor").values()
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    selected = [
        name
        for name, service in of_kind(objects, "Service").items()
        if service["metadata"]["labels"]["app.kubernetes.io/component"] in expression["values"]
    ]
    assert sorted(selected) == ["chat-chatbot-character", "chat-chatbot-office"]


def test_alert_texts_keep_their_templates() -> None:
    (rules,) = of_kind(manifests(example("observability")), "PrometheusRule").values()
    text = yaml.safe_dump(rules)
    assert "{{ $labels.service }}" in text
    assert 'namespace="demo"' in text
