"""A service that may have several pods: the balancer chooses among them, and nothing else changes."""

import re
from typing import Any

import pytest
from tests.chart.rendering import manifests, merge, of_kind

from chatbot.server.commands.balance import _bytes, _services

CPU: dict[str, Any] = {"gpu": {"enabled": False}}
SCALED: dict[str, Any] = {"autoscaling": {"enabled": True, "maxReplicas": 3}}
ROUTES = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]}}


def rendered(**office: Any) -> list[dict[str, Any]]:
    """The chart with this office beside a character of one pod."""
    return manifests(merge(ROUTES, {"services": {"office": office, "character": CPU}}))


def gateway(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The spec of the gateway's pods."""
    spec: dict[str, Any] = of_kind(objects, "Deployment")["chat-chatbot-gateway"]["spec"]["template"]["spec"]
    return spec


def nginx(objects: list[dict[str, Any]]) -> str:
    """The gateway's configuration."""
    conf: str = of_kind(objects, "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"]
    return conf


@pytest.mark.parametrize("office", [{**CPU, "replicas": 2}, {**CPU, **SCALED}], ids=["replicas", "scaled"])
def test_the_balancer_has_the_service_with_several_pods_alone(office: dict[str, Any]) -> None:
    objects = rendered(**office)
    (balancer,) = gateway(objects)["initContainers"]
    assert balancer["restartPolicy"] == "Always", "a sidecar ends after nginx"
    assert balancer["image"] == "chatbot/base:0.1.0"
    assert balancer["args"] == [
        "balance",
        "--port=8082",
        "--body-limit=2m",
        "office=chat-chatbot-office-pods:8002",
    ]
    assert _services(balancer["args"][3:]) == {"office": ("chat-chatbot-office-pods", 8002)}
    assert _bytes("2m") == 2 * 1024**2
    conf = nginx(objects)
    assert "location /office/ { proxy_pass http://127.0.0.1:8082; }" in conf
    assert "location /character/ { proxy_pass http://chat-chatbot-character:8003; }" in conf
    assert "location @outage { return 503; }" in conf


def test_with_one_pod_each_there_is_no_balancer() -> None:
    objects = rendered(**CPU)
    assert "initContainers" not in gateway(objects)
    assert "8082" not in nginx(objects)
    assert "@outage" not in nginx(objects)


def test_routers_ask_the_gateway_for_it_by_the_same_objects() -> None:
    one, two = rendered(**CPU), rendered(**CPU, replicas=2)

    def names(objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(found["kind"], found["metadata"]["name"]) for found in objects}

    assert names(two) - names(one) == {("PodDisruptionBudget", "chat-chatbot-office")}
    assert names(one) <= names(two)
    paths = of_kind(two, "Ingress")["chat-chatbot-services"]["spec"]["rules"][0]["http"]["paths"]
    assert {each["path"]: each["backend"]["service"]["name"] for each in paths} == {
        "/office": "chat-chatbot-gateway",
        "/character": "chat-chatbot-character",
    }
    (route,) = of_kind(two, "HTTPRoute").values()
    backends = {
        rule["matches"][0]["path"]["value"]: rule["backendRefs"][0]["name"] for rule in route["spec"]["rules"]
    }
    assert (backends["/office"], backends["/character"]) == ("chat-chatbot-gateway", "chat-chatbot-character")


@pytest.mark.parametrize("card", [False, True], ids=["CPU", "card"])
def test_the_pods_do_not_depend_on_their_number(card: bool) -> None:
    """Another number of pods starts or ends pods, and replaces none."""
    templates = [
        of_kind(rendered(gpu={"enabled": card}, **number), "Deployment")["chat-chatbot-office"]["spec"][
            "template"
        ]
        for number in ({}, {"replicas": 2}, {"replicas": 5}, SCALED)
    ]
    assert templates[1:] == templates[:1] * 3
    (container,) = templates[0]["spec"]["containers"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 10


def test_the_headless_name_resolves_to_the_pods_that_are_ready_however_many() -> None:
    for objects in (rendered(**CPU), rendered(**CPU, replicas=2)):
        service = of_kind(objects, "Service")["chat-chatbot-office-pods"]["spec"]
        assert service["clusterIP"] == "None"
        assert "publishNotReadyAddresses" not in service
        pods = of_kind(objects, "Deployment")["chat-chatbot-office"]["spec"]["template"]["metadata"]["labels"]
        assert service["selector"].items() <= pods.items()
        assert of_kind(objects, "Service")["chat-chatbot-office"]["spec"]["selector"] == service["selector"]


def test_a_service_that_may_grow_is_looked_at_as_one_with_replicas() -> None:
    objects = rendered(**SCALED, gpu={"enabled": True})
    assert of_kind(objects, "Deployment")["chat-chatbot-office"]["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    assert "chat-chatbot-office" in of_kind(objects, "PodDisruptionBudget")


@pytest.mark.parametrize("port", [80, 8081, 8082, 8503])
def test_no_port_of_the_gateways_service_is_in_the_way_of_its_pods(port: int) -> None:
    """They listen for probes, the balancer and the outage page as well."""
    objects = manifests(
        {"gateway": {"port": port}, "services": {"office": {**CPU, "replicas": 2}, "character": CPU}}
    )
    listening = re.findall(r"listen (\d+)", nginx(objects))
    assert sorted(listening) == ["8001", "8081", "8503"]
    (container,) = gateway(objects)["containers"]
    assert {each["name"]: each["containerPort"] for each in container["ports"]} == {
        "http": 8001,
        "outage": 8503,
        "probe": 8081,
    }
    (entry,) = of_kind(objects, "Service")["chat-chatbot-gateway"]["spec"]["ports"]
    assert (entry["port"], entry["targetPort"]) == (port, "http")


def test_nobody_outside_says_how_a_pod_may_refuse() -> None:
    for objects in (rendered(**CPU), rendered(**CPU, replicas=2)):
        assert 'proxy_set_header X-Admission "";' in nginx(objects)


def arguments(values: dict[str, Any]) -> list[str]:
    """Arguments of the load test's Job."""
    (job,) = [
        found
        for name, found in of_kind(manifests(merge({"loadTest": {"enabled": True}}, values)), "Job").items()
        if "-loadtest-" in name
    ]
    found: list[str] = job["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


@pytest.mark.parametrize(
    ("args", "services"),
    [
        (["--users", "1"], ["character", "office"]),
        (["--service", "office"], ["office"]),
        (["--service=office"], ["office"]),
        (["--service", "office,character"], ["character", "office"]),
        (["--service", "all"], ["character", "office"]),
    ],
)
def test_a_load_test_asks_each_pod_of_the_services_under_load(args: list[str], services: list[str]) -> None:
    asked = arguments({"loadTest": {"args": args}})
    ports = {"office": 8002, "character": 8003}
    assert [each for each in asked if each.startswith("--counters=")] == [
        f"--counters=http://chat-chatbot-{name}-pods:{ports[name]}" for name in services
    ]
    assert {each.split("=")[1] for each in asked if each.startswith("--note=")} == {"chart", *services}


@pytest.mark.parametrize(
    "values",
    [
        {"services": {"character": {"enabled": False}}},
        {"loadTest": {"args": ["--service", "office", "--users", "2"]}},
    ],
    ids=["one service", "one of two"],
)
def test_without_a_gateway_a_load_test_asks_its_service(values: dict[str, Any]) -> None:
    alone = merge(values, {"gateway": {"enabled": False}, "ingress": {"enabled": False}})
    assert "--target=http://chat-chatbot-office:8002" in arguments(alone)
    assert "--target=http://chat-chatbot-gateway:8001" in arguments(values)


def test_the_content_of_a_load_test_is_what_is_run_and_not_where() -> None:
    def content(values: dict[str, Any]) -> str:
        (found,) = [each for each in arguments(values) if each.startswith("--content=")]
        return found

    base = content({})
    assert (
        content({"loadTest": {"tolerations": [{"operator": "Exists"}]}, "gateway": {"replicas": 2}}) == base
    )
    assert content({"loadTest": {"args": ["--users", "3"]}}) != base
    assert content({"loadTest": {"image": {"tag": "next"}}}) != base
