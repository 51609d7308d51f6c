"""Which addresses pods listen on and who may reach whom: Services, listeners and NetworkPolicies together."""

from typing import Any

import pytest
from tests.chart.rendering import assert_valid, environment, manifests, merge, of_kind, pod_specs

NODE_PORT: dict[str, Any] = {"type": "NodePort"}
PASSWORD: dict[str, Any] = {"auth": {"secretName": "db"}}
ASKED = {"loadTest": {"enabled": True}, "backup": {"enabled": True}, "openai": {"secretName": "s"}}


def policies(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The spec of each NetworkPolicy by its component."""
    found = of_kind(manifests(values), "NetworkPolicy")
    return {name.removeprefix("chat-chatbot-"): each["spec"] for name, each in found.items()}


def open_ports(values: dict[str, Any]) -> set[tuple[str, str]]:
    """Component and port of what everyone may reach."""
    return {
        (name, port["port"])
        for name, policy in policies(values).items()
        for rule in policy["ingress"]
        if "from" not in rule
        for port in rule["ports"]
    }


@pytest.mark.parametrize(
    ("values", "opened"),
    [
        ({}, set()),
        ({"services": {"office": {"service": NODE_PORT}}}, {("office", "http")}),
        ({"gateway": {"service": NODE_PORT}}, {("gateway", "http")}),
        ({"gateway": {"outageService": NODE_PORT}}, {("gateway", "outage")}),
        ({"history": {"bundled": {"service": NODE_PORT, **PASSWORD}}}, {("history", "mongodb")}),
        # Without a password only its NetworkPolicy guards the database.
        ({"history": {"bundled": {"service": NODE_PORT}}}, set()),
    ],
)
def test_a_service_that_the_world_reaches_is_open_and_the_others_are_not(
    values: dict[str, Any], opened: set[tuple[str, str]]
) -> None:
    assert open_ports(values) == opened


OF_A_TYPE: dict[str, Any] = {
    "loadBalancerClass": "example.com/lb",
    "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "externalTrafficPolicy": "Local",
    "nodePort": 30001,
}


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("ClusterIP", set()),
        ("NodePort", {"externalTrafficPolicy", "nodePort"}),
        ("LoadBalancer", set(OF_A_TYPE)),
    ],
)
def test_a_service_has_what_its_type_may_have(kind: str, kept: set[str]) -> None:
    values = {"services": {"office": {"service": {**OF_A_TYPE, "type": kind}}}}
    spec = of_kind(manifests(values), "Service")["chat-chatbot-office"]["spec"]
    assert (set(spec) | set(spec["ports"][0])) & set(OF_A_TYPE) == kept


def dns_rules(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By component the egress rule to the cluster's DNS."""
    return {
        name: policy["egress"][0]
        for name, policy in policies(merge(ASKED, values)).items()
        if policy["egress"]
    }


def test_names_are_asked_for_where_the_cluster_answers_them() -> None:
    defaults = dns_rules({})
    assert set(defaults) >= {"office", "gateway", "models", "backup", "loadtest", "test"}
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    openshift = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}}
    both = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    for rule in defaults.values():
        assert rule == {"to": [system, {"ipBlock": {"cidr": "169.254.0.0/16"}}], "ports": both}
    own = dns_rules({"networkPolicy": {"dnsTo": [openshift], "dnsPorts": [5353, 53]}})
    assert set(own) == set(defaults)
    for rule in own.values():
        assert rule["to"] == [openshift]
        assert [each["port"] for each in rule["ports"]] == [5353, 5353, 53, 53]


def test_the_internet_is_asked_by_both_families_and_private_networks_by_none() -> None:
    for name in ("office", "models"):
        (blocks,) = [
            [peer["ipBlock"] for peer in rule["to"]]
            for rule in policies(ASKED)[name]["egress"]
            if any(peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for peer in rule["to"])
        ]
        assert {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]} in blocks


SIX: dict[str, Any] = {"ipFamilies": ["IPv6"]}


@pytest.mark.parametrize(
    ("service", "listens"),
    [
        ({}, False),
        ({"ipFamilies": ["IPv4"]}, False),
        ({"ipFamilyPolicy": "PreferDualStack"}, False),
        (SIX, True),
        ({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}, True),
        ({"ipFamilyPolicy": "RequireDualStack"}, True),
    ],
)
def test_pods_listen_on_ipv6_where_it_is_named(service: dict[str, Any], listens: bool) -> None:
    """A node whose kernel has no IPv6 cannot listen on it, so nothing else may ask for it."""
    values = {"services": {"office": {"service": service}}, "gateway": {"service": service}}
    objects = manifests(values)
    assert_valid(objects)
    specs = pod_specs(objects)
    hosts = {
        name: environment(specs[f"Deployment/chat-chatbot-{name}"])["CHATBOT_HOST"]
        for name in ("office", "character")
    }
    every = "0.0.0.0"  # noqa: S104 (what a pod is told, not what this test listens on)
    assert hosts == {"office": "::" if listens else every, "character": every}
    conf = of_kind(objects, "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"]
    listeners = {line.strip() for line in conf.splitlines() if line.strip().startswith("listen ")}
    four = {f"listen {port};" for port in (8001, 8503, 8081)}
    six = {f"listen [::]:{port};" for port in (8001, 8503, 8081)}
    assert listeners == (four | six if listens else four)


def test_the_outage_service_alone_lets_the_gateway_listen_on_ipv6() -> None:
    objects = manifests({"gateway": {"outageService": SIX}})
    conf = of_kind(objects, "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"]
    assert "listen [::]:8503;" in conf
