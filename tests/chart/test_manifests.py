"""Properties of everything that the chart renders, over all examples."""

import re
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from tests.chart.rendering import (
    CHART,
    EXAMPLES,
    assert_valid,
    containers,
    environment,
    example,
    manifests,
    merge,
    of_kind,
    pod_specs,
)

NAMES = ["", *(path.stem for path in EXAMPLES)]
every_example = pytest.mark.parametrize("name", NAMES)


@every_example
def test_objects_fit_the_schemas_of_kubernetes(name: str) -> None:
    assert_valid(manifests(example(name)))


@pytest.mark.parametrize("name", ["", "observability"])
def test_helm_lint_has_nothing_to_say(name: str) -> None:
    report = helm.lint(str(CHART), example(name), strict=True)
    assert report["errors"] == []
    assert [note for note in report["messages"] if note["severity"] > 1] == []


@every_example
def test_pods_are_restricted_and_hold_no_token(name: str) -> None:
    for pod, spec in pod_specs(manifests(example(name))).items():
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, pod
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert spec["automountServiceAccountToken"] is False, pod
        assert spec["enableServiceLinks"] is False, pod
        for container in containers(spec):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, pod
            assert "requests" in container.get("resources", {}), f"{pod}/{container['name']}"
            assert "cpu" not in container["resources"].get("limits", {}), "a CPU limit stretches every token"


@every_example
def test_no_secret_is_rendered(name: str) -> None:
    objects = manifests(example(name))
    assert of_kind(objects, "Secret") == {}
    text = yaml.safe_dump_all(objects)
    assert not re.search(r"mongodb(\+srv)?://[^\s\"']*:[^\s\"'@]*@|sk-[A-Za-z0-9]{8}|hf_[A-Za-z0-9]{8}", text)
    for pod, spec in pod_specs(objects).items():
        for container in containers(spec):
            for entry in container.get("env", []):
                if re.search(r"(API_KEY|TOKEN|PASSWORD)$", entry["name"]):
                    assert "secretKeyRef" in entry["valueFrom"], f"{pod}: {entry['name']}"


@every_example
def test_every_component_has_a_policy_and_none_lets_everyone_in(name: str) -> None:
    objects = manifests(example(name))
    policies = of_kind(objects, "NetworkPolicy")
    covered = {
        policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for policy in policies.values()
    }
    labels = [
        (found["metadata"] if found["kind"] == "Pod" else found["spec"]["template"]["metadata"])["labels"]
        for found in objects
        if found["kind"] in {"Pod", "Deployment", "StatefulSet", "Job"}
    ]
    assert {found["app.kubernetes.io/component"] for found in labels} <= covered
    for policy in policies.values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        for rule in policy["spec"]["ingress"] or []:
            assert rule["from"], policy["metadata"]["name"]
            assert all(rule["from"])
        for rule in policy["spec"]["egress"] or []:
            assert rule["to"], policy["metadata"]["name"]


@every_example
def test_the_same_routes_everywhere(name: str) -> None:
    objects = manifests(example(name))
    conf = of_kind(objects, "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"].partition(
        "listen 8503"
    )[0]
    nginx = {
        (path, service, int(port))
        for path, service, port in re.findall(r"location = (\S+) \{ proxy_pass http://([^:]+):(\d+)", conf)
    }
    assert nginx == set(re.findall(r"location (\S+)/ \{ proxy_pass http://([^:]+):(\d+)", conf)) or nginx
    # The balancer beside nginx chooses the pod, so routers ask the gateway.
    gateway = ("chat-chatbot-gateway", 8001)
    nginx = {(path, *gateway) if host == "127.0.0.1" else (path, host, port) for path, host, port in nginx}
    rest = ("/", *gateway)
    for ingress in of_kind(objects, "Ingress").values():
        paths = ingress["spec"]["rules"][0]["http"]["paths"]
        found = {
            (each["path"], each["backend"]["service"]["name"], each["backend"]["service"]["port"]["number"])
            for each in paths
        }
        assert found == ({rest} if ingress["metadata"]["name"].endswith("-rest") else nginx)
        assert ("annotations" in ingress["metadata"]) is not ingress["metadata"]["name"].endswith("-rest")
    for route in of_kind(objects, "HTTPRoute").values():
        rules = route["spec"]["rules"]
        found = {
            (
                each["matches"][0]["path"]["value"],
                each["backendRefs"][0]["name"],
                each["backendRefs"][0]["port"],
            )
            for each in rules
        }
        assert found == nginx | {rest}
    services = of_kind(objects, "Service")
    for _, service, port in nginx | {rest}:
        assert port in [each["port"] for each in services[service]["spec"]["ports"]]


def test_one_chain_of_timeouts() -> None:
    objects = manifests({"services": {"office": {"replicas": 2}}})
    office = of_kind(objects, "Deployment")["chat-chatbot-office"]["spec"]["template"]["spec"]
    env = environment(office)
    conf = of_kind(objects, "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"]
    proxy = int(re.search(r"proxy_read_timeout (\d+)s", conf)[1])  # type: ignore[index]
    annotations = of_kind(objects, "Ingress")["chat-chatbot-services"]["metadata"]["annotations"]
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) == proxy
    model, server = int(env["CHATBOT_DEADLINE_SECONDS"]), int(env["CHATBOT_DRAIN_SECONDS"])
    grace = office["terminationGracePeriodSeconds"]
    sleep = office["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    client = yaml.safe_load((CHART / "values.yaml").read_text())["timeouts"]["clientSeconds"]
    assert model < server < proxy < grace < client
    assert sleep + server <= grace


def test_what_an_operator_adds_is_rendered_once() -> None:
    key = "nginx.ingress.kubernetes.io/proxy-body-size"
    egress = {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 3128}]}
    values = {
        "ingress": {"annotations": {key: "2m", "example.com/more": "x"}},
        "gateway": {"service": {"type": "LoadBalancer", "annotations": {"example.com/internal": "true"}}},
        "networkPolicy": {"servicesTo": [egress]},
        "models": {"env": {"HTTPS_PROXY": "http://10.1.2.3:3128"}},
        "services": {"office": {"priorityClassName": "cards"}},
    }
    objects = manifests(values)
    annotations = of_kind(objects, "Ingress")["chat-chatbot-services"]["metadata"]["annotations"]
    assert (annotations[key], annotations["example.com/more"]) == ("2m", "x")
    service = of_kind(objects, "Service")["chat-chatbot-gateway"]
    assert service["metadata"]["annotations"] == {"example.com/internal": "true"}
    assert egress in of_kind(objects, "NetworkPolicy")["chat-chatbot-office"]["spec"]["egress"]
    assert egress not in of_kind(objects, "NetworkPolicy")["chat-chatbot-gateway"]["spec"]["egress"]
    specs = pod_specs(objects)
    (job,) = [spec for name, spec in specs.items() if name.startswith("Job/chat-chatbot-models")]
    assert environment(job)["HTTPS_PROXY"] == "http://10.1.2.3:3128"
    assert specs["Deployment/chat-chatbot-office"]["priorityClassName"] == "cards"


def test_names_of_jobs_change_with_what_they_do() -> None:
    def jobs(values: dict[str, Any]) -> set[str]:
        everything = {"loadTest": {"enabled": True}, "libs": {"source": "pvc"}}
        return set(of_kind(manifests(merge(everything, values)), "Job"))

    base = jobs({})
    assert jobs({"gateway": {"replicas": 2}}) == base
    assert len(base) == 3
    for change in (
        {"loadTest": {"runId": "second"}},
        {"models": {"catalogue": {"bllossom-8b": {"revision": "v2"}}}},
        {"libs": {"image": {"tag": "next"}}},
        {"libs": {"resources": {"limits": {"memory": "1Gi"}}}},
    ):
        assert len(base & jobs(change)) == 2


def test_claims_are_kept_on_uninstall() -> None:
    claims = of_kind(manifests(example("load-test")), "PersistentVolumeClaim")
    assert set(claims) == {f"chat-chatbot-{purpose}" for purpose in ("models", "data", "results", "libs")}
    for claim in claims.values():
        assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_large_numbers_stay_whole() -> None:
    values = {"services": {"office": {"poolTokens": 1048576, "gpu": {"memoryMiB": 0}}}}
    env = environment(pod_specs(manifests(values))["Deployment/chat-chatbot-office"])
    assert env["CHATBOT_OFFICE__POOL_TOKENS"] == "1048576"


def test_the_operators_environment_wins_even_where_it_is_zero() -> None:
    values = {"services": {"office": {"env": {"CHATBOT_OFFICE__TEMPERATURE": 0, "CHATBOT_OFFICE__TOP_K": 0}}}}
    env = environment(pod_specs(manifests(values))["Deployment/chat-chatbot-office"])
    assert (env["CHATBOT_OFFICE__TEMPERATURE"], env["CHATBOT_OFFICE__TOP_K"]) == ("0", "0")


def test_environment_names_are_settings() -> None:
    from chatbot.server.settings import documented_variables

    known = {name for name, _, _ in documented_variables()}
    for name in NAMES:
        for pod, spec in pod_specs(manifests(example(name))).items():
            for container in containers(spec):
                names = {
                    entry["name"]
                    for entry in container.get("env", [])
                    if entry["name"].startswith("CHATBOT_")
                }
                assert names <= known, pod


def test_the_packaged_catalogue_is_the_charts() -> None:
    import json

    from chatbot.domain.model_files import Catalogue

    path = Path(__file__).parents[2] / "src" / "chatbot" / "adapters" / "model_catalogue.json"
    packaged = Catalogue.model_validate_json(path.read_text())
    (config,) = (name for name in of_kind(manifests(), "ConfigMap") if "-models-" in name)
    rendered = of_kind(manifests(), "ConfigMap")[config]["data"]["catalogue.json"]
    assert Catalogue.model_validate(json.loads(rendered)) == packaged
