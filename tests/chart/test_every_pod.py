"""What an operator may say of a pod reaches every pod template: Jobs, test pod, init containers."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.chart.rendering import assert_valid, containers, manifests, merge, of_kind, pod_specs

ALL: dict[str, Any] = {
    "libs": {"source": "pvc"},
    "loadTest": {"enabled": True},
    "backup": {"enabled": True},
    "dev": {"sync": True},
    "services": {"office": {"gpu": {"source": "dra"}, "replicas": 2}},
}
"""A release with every pod template and every container that the chart has."""

COMPONENTS = {
    "Deployment/chat-chatbot-office": ("services", "office"),
    "Deployment/chat-chatbot-character": ("services", "character"),
    "Deployment/chat-chatbot-gateway": ("gateway",),
    "StatefulSet/chat-chatbot-history": ("history", "bundled"),
    "Job/chat-chatbot-models": ("models",),
    "Job/chat-chatbot-libs": ("libs",),
    "Job/chat-chatbot-loadtest": ("loadTest",),
    "CronJob/chat-chatbot-backup": ("backup",),
    "Pod/chat-chatbot-test": ("tests",),
}
"""By pod template the block of values that says what is its alone."""

OWN = [{"name": "own", "image": "example.com/own:1"}]
SIDECARS = [{**OWN[0], "restartPolicy": "Always"}]
ENDING = {"Job", "CronJob", "Pod"}
"""Kinds whose pods end, which a container that runs for ever would keep from it."""

SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}
IN_CONTAINERS: dict[str, tuple[str, Any]] = {
    "extraEnv": (
        "env",
        [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
    ),
    "envFrom": ("envFrom", [{"configMapRef": {"name": "c"}}]),
    "extraVolumeMounts": ("volumeMounts", [{"name": "more", "mountPath": "/more"}]),
    "securityContext": ("securityContext", {"privileged": False, "readOnlyRootFilesystem": False}),
}
IN_PODS: dict[str, tuple[str, Any]] = {
    "extraVolumes": ("volumes", [{"name": "more", "emptyDir": {}}]),
    "initContainers": ("initContainers", OWN),
    "extraContainers": ("containers", OWN),
    "podSecurityContext": ("securityContext", {"supplementalGroups": [4]}),
    "nodeSelector": ("nodeSelector", {"zone": "a"}),
    "tolerations": ("tolerations", [{"key": "k", "operator": "Exists"}]),
    "affinity": ("affinity", {"podAntiAffinity": {}}),
    "priorityClassName": ("priorityClassName", "high"),
    "schedulerName": ("schedulerName", "other"),
    "hostAliases": ("hostAliases", [{"ip": "10.0.0.1", "hostnames": ["a"]}]),
    "dnsPolicy": ("dnsPolicy", "None"),
    "dnsConfig": ("dnsConfig", {"nameservers": ["10.0.0.2"]}),
}
EVERYTHING = {key: value for key, (_, value) in (IN_CONTAINERS | IN_PODS).items()}
ASKING = {("Deployment/chat", "office"), ("Deployment/chat", "character"), ("Job/chat", "models")}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
# The GPU nodes' taint is a default of the services, and a list replaces a list.
VALUES = merge(ALL, {"serviceDefaults": {"tolerations": None}})


def specs(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every pod spec by its template; a Job without the hash of its name."""
    found = pod_specs(manifests(merge(VALUES, values)))
    named = {name.rsplit("-", 1)[0] if name.startswith("Job/") else name: found[name] for name in found}
    assert set(named) == set(COMPONENTS)
    return named


def holds(whole: Any, part: Any) -> bool:
    """Whether a list ends with or begins with the part, a map has its keys, anything else is it."""
    if isinstance(part, list):
        return isinstance(whole, list) and part in (whole[: len(part)], whole[-len(part) :])
    return bool(whole.items() >= part.items() if isinstance(part, dict) and whole else whole == part)


def places(kind: str, spec: dict[str, Any], key: str) -> Iterator[Any]:
    """Where a pod of that kind of object has what the operator says under this key."""
    if key == "extraContainers" and kind in ENDING:
        assert "own" not in [each["name"] for each in spec["containers"]]
        yield OWN if holds(spec.get("initContainers"), SIDECARS) else None
    elif key in IN_PODS:
        yield spec.get(IN_PODS[key][0])
    else:
        charts = [each for each in containers(spec) if each["name"] != "own"]
        yield from (each.get(IN_CONTAINERS[key][0]) for each in charts)


def within(block: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Values under the keys of a component's block."""
    for key in reversed(block):
        values = {key: values}
    return values


def reached(values: dict[str, Any]) -> dict[str, set[str]]:
    """By pod template the keys of EVERYTHING that are wherever they belong in it."""
    return {
        name: {
            key
            for key, value in EVERYTHING.items()
            if all(holds(each, value) for each in places(name.split("/")[0], spec, key))
        }
        for name, spec in specs(values).items()
    }


def test_what_is_said_of_all_pods_reaches_all() -> None:
    assert reached({"podDefaults": EVERYTHING}) == {name: set(EVERYTHING) for name in COMPONENTS}


@pytest.mark.parametrize("name", ["Deployment/chat-chatbot-office", "Job/chat-chatbot-models"])
def test_what_is_said_of_one_component_reaches_it_alone(name: str) -> None:
    found = reached(within(COMPONENTS[name], EVERYTHING))
    assert found == {each: set(EVERYTHING) if each == name else set() for each in COMPONENTS}


def test_a_block_of_its_own_wins() -> None:
    values: dict[str, Any] = {"podDefaults": {"priorityClassName": "low"}}
    for name, path in COMPONENTS.items():
        values = merge(values, within(path, {"priorityClassName": name.lower().replace("/", ".")}))
    for name, spec in specs(values).items():
        assert spec["priorityClassName"] == name.lower().replace("/", ".")


def test_all_of_it_together_is_valid() -> None:
    values = merge(
        ALL,
        {
            "podDefaults": {**EVERYTHING, "topologySpreadConstraints": [SPREAD], "podLabels": {"a": "b"}},
            "commonLabels": {"team": "x"},
            "commonAnnotations": {"note": "y"},
            "caBundle": {"configMapName": "ca"},
            "proxy": {"secretName": "proxy", "to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]},
        },
    )
    assert_valid(manifests(values))


def test_a_spread_without_a_selector_counts_the_components_pods() -> None:
    for name, spec in specs({"podDefaults": {"topologySpreadConstraints": [SPREAD]}}).items():
        (constraint,) = spec["topologySpreadConstraints"]
        component = name.rsplit("-", 1)[1]
        assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
    own = {**SPREAD, "labelSelector": {"matchLabels": {"a": "b"}}}
    for spec in specs({"podDefaults": {"topologySpreadConstraints": [own]}}).values():
        assert spec["topologySpreadConstraints"] == [own]


def test_an_entry_of_the_operators_takes_the_place_of_the_charts() -> None:
    values = {"serviceDefaults": {"extraEnv": [{"name": "CHATBOT_LOG_LEVEL", "value": "DEBUG"}]}}
    env = specs(values)["Deployment/chat-chatbot-office"]["containers"][0]["env"]
    assert [each["value"] for each in env if each["name"] == "CHATBOT_LOG_LEVEL"] == ["DEBUG"]


def test_a_volume_or_mount_of_the_operators_takes_the_place_of_the_charts() -> None:
    """Two of one name, or at one path, are no valid pod."""
    mine = {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}
    values: dict[str, Any] = {
        "podDefaults": {"extraVolumes": [mine]},
        "caBundle": {"configMapName": "ca"},
        "loadTest": {
            "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
            "extraVolumeMounts": [
                {"name": "scratch", "mountPath": "/tmp/"},
                {"name": "scratch", "mountPath": "/etc/chatbot/authorities"},
            ],
        },
    }
    for name, spec in specs(values).items():
        volumes = [each["name"] for each in spec["volumes"]]
        assert len(volumes) == len(set(volumes)), name
        assert mine in spec["volumes"] or "loadtest" in name
        for each in containers(spec):
            paths = [mount["mountPath"].rstrip("/") for mount in each.get("volumeMounts", [])]
            assert len(paths) == len(set(paths)), f"{name}/{each['name']}"
    (generator,) = specs(values)["Job/chat-chatbot-loadtest"]["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in generator["volumeMounts"]}
    assert mounts == {"/results": "results", "/tmp/": "scratch", "/etc/chatbot/authorities": "scratch"}


def test_null_omits_a_security_setting() -> None:
    """OpenShift gives users and groups itself; 0 would be root."""
    none = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    values = {
        "podDefaults": {"podSecurityContext": none},
        "history": {"bundled": {"podSecurityContext": none}},
    }
    for name, spec in specs(values).items():
        assert set(spec["securityContext"]) == {"runAsNonRoot", "fsGroupChangePolicy", "seccompProfile"}, name
    for spec in specs({"podDefaults": {"securityContext": None, "podSecurityContext": None}}).values():
        assert all("securityContext" not in each for each in containers(spec))


def test_authorities_are_trusted_everywhere_and_the_proxy_is_used_by_who_asks_the_internet() -> None:
    values: dict[str, Any] = {
        "caBundle": {"secretName": "ca", "key": "bundle.pem"},
        "proxy": {"secretName": "proxy", "to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]},
    }
    asking = {
        "Deployment/chat-chatbot-office",
        "Deployment/chat-chatbot-character",
        "Job/chat-chatbot-models",
    }
    for name, spec in specs(values).items():
        assert {"name": "authorities", "secret": {"secretName": "ca"}} in spec["volumes"]
        for each in containers(spec):
            pem = {"name": "SSL_CERT_FILE", "value": "/etc/chatbot/authorities/bundle.pem"}
            assert pem in each["env"]
            assert ({"secretRef": {"name": "proxy"}} in each.get("envFrom", [])) is (name in asking)
    policies = of_kind(manifests(values), "NetworkPolicy")
    way = {"to": values["proxy"]["to"], "ports": [{"port": 3128, "protocol": "TCP"}]}
    reaching = {name for name, each in policies.items() if way in (each["spec"]["egress"] or [])}
    assert reaching == {f"chat-chatbot-{part}" for part in ("office", "character", "models")}


def test_common_labels_select_nothing_and_run_nothing_again() -> None:
    label = {"team": "x"}
    plain, labelled = manifests(ALL), manifests(merge(ALL, {"commonLabels": label}))
    assert [each["metadata"]["name"] for each in plain] == [each["metadata"]["name"] for each in labelled]
    for found in labelled:
        assert found["metadata"]["labels"].items() >= label.items()
        spec = found.get("spec", {})
        assert "team" not in str(spec.get("selector", "")) + str(spec.get("volumeClaimTemplates", ""))
        if found["kind"] in {"Deployment", "StatefulSet"}:
            assert spec["template"]["metadata"]["labels"].items() >= label.items()
        if found["kind"] == "CronJob":
            pod = spec["jobTemplate"]["spec"]["template"]
            assert pod["metadata"]["labels"].items() >= label.items()
        if found["kind"] == "Job":
            assert "team" not in str(spec)


def test_common_labels_can_be_none() -> None:
    assert manifests({"commonLabels": None, "commonAnnotations": None, "extraObjects": None}) == manifests()


def test_labels_of_a_jobs_pods_are_another_job() -> None:
    named = set(of_kind(manifests(ALL), "Job"))
    other = manifests(merge(ALL, {"podDefaults": {"podLabels": {"team": "x"}}}))
    assert named.isdisjoint(of_kind(other, "Job"))
    pod = of_kind(other, "Pod")["chat-chatbot-test"]["metadata"]
    assert pod["labels"]["team"] == "x"
    assert pod["annotations"]["helm.sh/hook"] == "test"


def test_every_container_can_have_limits() -> None:
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
    values = {
        **{name: {"resources": limits} for name in ("libs", "loadTest", "backup", "tests", "dev")},
        "serviceDefaults": {"resources": limits},
        "models": {"resources": limits, "wait": {"resources": limits}},
        "gateway": {"resources": limits, "balancer": {"resources": limits}},
        "history": {"bundled": {"resources": limits}},
    }
    found = specs(values)
    names = {each["name"] for spec in found.values() for each in containers(spec)}
    assert {"balancer", "model", "sources"} <= names
    for name, spec in found.items():
        for each in containers(spec):
            assert each["resources"]["limits"].items() >= limits["limits"].items(), f"{name}/{each['name']}"
