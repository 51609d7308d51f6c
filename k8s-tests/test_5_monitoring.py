"""A real Prometheus scrapes a release after traffic with a refusal, a cancelled answer and a preemption.

Every query of the dashboard, of the alerts and of the scaling then returns a number, so a metric that is
renamed on either side is noticed; and each alert fires when and only when it should.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from k8s_support.alerts import ALERTS, rule_tests
from k8s_support.cluster import Cluster, eventually
from k8s_support.prometheus import FOLDER, samples, scrape_config, start_prometheus
from k8s_support.release import Release
from k8s_support.web import Stream, ask, forward

NAMESPACE = "chatbot-tests-watched"
HOME = "chatbot-tests-prometheus"
GUESTS = 8
# The small model answers a list by going on with it, which makes long answers certain.
LONG = "Sea, " + "sea, " * 17 + "sea"
SHORT = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 4}
COUNTED = (
    'chatbot_requests_total{outcome="successful"} > 0',
    'chatbot_requests_total{outcome="refused"} > 0',
    'chatbot_requests_total{outcome="cancelled"} > 0',
    "chatbot_preemptions_total > 0",
)
# Eight long answers need twice this pool; one place for each user makes a second question of his a refusal.
SMALL: dict[str, Any] = {
    "gpu": {"enabled": False},
    "contextTokens": 1024,
    "poolTokens": 1024,
    "maxTokens": 200,
    "parallel": GUESTS,
    "sampling": {"temperature": 0, "repeatPenalty": 1},
    "env": {"CHATBOT_QUEUE__MAX_PER_USER": 1},
}
VALUES: dict[str, Any] = {
    "services": {"office": SMALL, "character": {"enabled": False}},
    "ingress": {"enabled": False},
    "gateway": {"enabled": False},
    "history": {"mode": "sqlite"},
    # OpenAI is not asked anything: with a key, the days on which its models end are exported.
    "openai": {"secretName": "openai"},
    "networkPolicy": {
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": HOME}}}]
    },
}
WITH_OPERATORS: dict[str, Any] = {
    **VALUES,
    "services": {**VALUES["services"], "office": {**SMALL, "autoscaling": {"enabled": True}}},
    "history": {"mode": "bundled"},
    "monitoring": {
        "podMonitor": {"enabled": True, "interval": "1s"},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
"""What the operators would read; the test cluster has none, so these objects are rendered, not installed."""


def objects_of(kind: str) -> list[dict[str, Any]]:
    return [found for found in Release(NAMESPACE).rendered(WITH_OPERATORS) if found["kind"] == kind]


def rules() -> list[dict[str, Any]]:
    (found,) = objects_of("PrometheusRule")
    return [rule for group in found["spec"]["groups"] for rule in group["rules"]]


def asked() -> list[str]:
    """Every query; of an alert what its threshold is compared with."""
    dashboard = next(found for found in objects_of("ConfigMap") if "chatbot.json" in found["data"])
    panels = json.loads(dashboard["data"]["chatbot.json"])["panels"]
    found = [
        target["expr"].replace("$namespace", NAMESPACE).replace("${release}", "chat-chatbot")
        for panel in panels
        for target in panel["targets"]
    ]
    for rule in rules():
        measured = re.sub(r"\s+(>|<|==)\s+[0-9. *]+$", "", rule["expr"].strip())
        assert measured != rule["expr"].strip(), rule["alert"]
        found.append(re.sub(r"^absent\((.*)\)$", r"\1", measured))
    for scaled in objects_of("ScaledObject"):
        found += [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    return found


@pytest.fixture(scope="module")
def office(cluster: Cluster, hub: None) -> Iterator[str]:
    cluster.create_namespace(NAMESPACE)
    key = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openai"}}
    cluster.apply(NAMESPACE, {**key, "stringData": {"api-key": "nothing"}})
    release = Release(NAMESPACE)
    release.apply(VALUES)
    cluster.ready_pod(NAMESPACE, "office")
    with forward(NAMESPACE, f"service/{release.object('office')}", 8002) as address:
        yield address
    release("uninstall", "chat", check=False)
    cluster.delete_namespace(NAMESPACE)


@pytest.fixture(scope="module")
def prometheus(cluster: Cluster, office: str) -> Iterator[str]:
    cluster.create_namespace(HOME)
    (monitor,) = objects_of("PodMonitor")
    (rule,) = objects_of("PrometheusRule")
    scraped = scrape_config(cluster, monitor, NAMESPACE)
    start_prometheus(cluster, HOME, scraped, rule["spec"], rule_tests(rules(), NAMESPACE))
    with forward(HOME, "pod/prometheus", 9090) as address:
        eventually("the office pod is scraped", lambda: samples(address, "chatbot_uptime_seconds"), 60)
        yield address
    cluster.delete_namespace(HOME)


def long_answer(office: str, guest: int) -> Stream:
    return Stream(office, body={"input_data": LONG, "user_id": f"guest-{guest}"}).start()


@pytest.fixture(scope="module")
def traffic(prometheus: str, office: str) -> str:
    """Short answers, by which long ones are not expected; then more long ones than the pool holds."""
    for _ in range(24):
        said = httpx.post(f"{office}/office/v1/chat/completions", json=SHORT, timeout=60)
        assert said.status_code == 200
    crowd = [long_answer(office, guest) for guest in range(GUESTS)]
    eventually("all of them are answered at once", lambda: all(each.began() for each in crowd), 60, 0.05)
    assert ask(office, "office", input_data=LONG, user_id="guest-0").status_code == 429
    for stream in crowd:
        stream.join()
    assert [stream.events[-1][2].get("finish_reason") for stream in crowd] == ["length"] * GUESTS
    body, headers = {"input_data": LONG, "user_id": "guest-0"}, {"Accept": "text/event-stream"}
    with httpx.stream("POST", f"{office}/office/Llama", json=body, headers=headers, timeout=60) as leaving:
        assert "event: token" in leaving.iter_lines()
    for query in COUNTED:

        def counted(query: str = query) -> bool:
            return bool(samples(prometheus, query))

        eventually(query, counted, 30)
    return prometheus


def test_every_query_returns_a_number_and_only_of_our_metrics(cluster: Cluster, traffic: str) -> None:
    queries = asked()
    assert len(queries) > 20
    assert [query for query in queries if not samples(traffic, query)] == []
    renamed = [query.replace("chatbot_", "renamed_") for query in queries]
    assert [query for query in renamed if query in queries or samples(traffic, query)] == []


def test_prometheus_reads_every_rule(cluster: Cluster, traffic: str) -> None:
    groups = httpx.get(f"{traffic}/api/v1/rules", timeout=30).json()["data"]["groups"]
    health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert health == {rule["alert"]: "ok" for rule in rules()}


def test_every_alert_has_a_case() -> None:
    assert sorted(ALERTS) == sorted(rule["alert"] for rule in rules())


def test_alerts_fire_when_and_only_when_they_should(cluster: Cluster, prometheus: str) -> None:
    said = cluster.run(HOME, "prometheus", "promtool", "test", "rules", f"{FOLDER}/cases.yml")
    assert "SUCCESS" in said, said
