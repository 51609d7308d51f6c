"""What the chart refuses: typos by the schema, wrong relations by messages that say the fix."""

import json
import re
from functools import reduce
from operator import getitem
from typing import Any

import pytest
import yaml
from tests.chart.rendering import CHART, refusal

CPU = {"gpu": {"enabled": False}}

SCHEMA = {
    "a typo at the root": {"ingres": {"enabled": False}},
    "a typo in a service": {"services": {"office": {"replica": 2}}},
    "a wrong enum": {"libs": {"source": "volume"}},
    "a digest that is none": {"gateway": {"image": {"digest": "sha256:1234"}}},
    "a port out of range": {"gateway": {"port": 80000}},
    "a text for a number": {"services": {"office": {"replicas": "two"}}},
    "a fraction of a pod": {"services": {"office": {"replicas": 1.5}}},
    "a typo in what every pod has": {"podDefaults": {"toleration": []}},
    "a typo in the gateway": {"gateway": {"nodeSelectors": {"a": "b"}}},
    "a variable without a name": {"models": {"extraEnv": [{"value": "x"}]}},
    "a number for a text": {"podDefaults": {"extraEnv": [{"name": "A", "value": 1}]}},
    "a budget that is none": {"gateway": {"minAvailable": "many"}},
    "a file name that leaves its folder": {"models": {"catalogue": {"bllossom-8b": {"file": "../x.gguf"}}}},
    "an empty peer": {"networkPolicy": {"ingressFrom": [{}]}},
    "no address": {"openai": {"baseUrl": "api.example.com"}},
}

SECRETS: dict[str, tuple[dict[str, Any], str]] = {
    "services.office.env": (
        {"services": {"office": {"env": {"CHATBOT_OPENAI__API_KEY": "x"}}}},
        "openai.secretName",
    ),
    "serviceDefaults.env": (
        {"serviceDefaults": {"env": {"CHATBOT_SEARCH__TAVILY_API_KEY": "x"}}},
        "search.secretName",
    ),
    "history.bundled.env": (
        {"history": {"bundled": {"env": {"MONGO_INITDB_ROOT_PASSWORD": "x"}}}},
        "history.bundled.auth.secretName",
    ),
    "models.env": ({"models": {"env": {"HF_TOKEN": "hf_x"}}}, "models.token.secretName"),
    "services.character.env": (
        {"services": {"character": {"env": {"CHATBOT_HISTORY__MONGO_URI": "x"}}}},
        "history.external.secretName",
    ),
    "services.tutor.env": (
        {"services": {"tutor": {"env": {"OWN_SECRET": "x"}}}},
        "extraEnv with a secretKeyRef",
    ),
}
"""By path: values with a secret in a plain environment, and where the sentence says that it belongs."""

MOVED: dict[str, tuple[dict[str, Any], str]] = {
    "podSecurity": ({"podSecurity": {"runAsUser": 1000}}, "podDefaults.podSecurityContext"),
    "serviceAccountAnnotations": ({"serviceAccountAnnotations": {"a": "b"}}, "serviceAccount.annotations"),
    "history.bundled.runAsUser": (
        {"history": {"bundled": {"runAsUser": 1000}}},
        "history.bundled.podSecurityContext",
    ),
}

RELATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no service": (
        {"services": {"office": {"enabled": False}, "character": {"enabled": False}}},
        "set services.office.enabled",
    ),
    "an unknown model": ({"services": {"office": {"model": "gpt"}}}, "bllossom-8b, darkidol-8b"),
    "a pool below the context": ({"services": {"office": {"poolTokens": 2048}}}, "raise poolTokens"),
    "a grace shorter than the drain": ({"timeouts": {"preStopSeconds": 60}}, "raise graceSeconds"),
    "one disk for two nodes": ({"storage": {"models": {"accessMode": "ReadWriteOnce"}}}, "kind=perService"),
    "one disk for two replicas": (
        {
            "storage": {"data": {"kind": "perService", "accessMode": "ReadWriteOnce"}},
            "services": {"office": {**CPU, "replicas": 2}},
        },
        "use ReadWriteMany, or one replica",
    ),
    "one disk for two replicas to come": (
        {
            "storage": {"data": {"kind": "perService", "accessMode": "ReadWriteOnce"}},
            "services": {"office": {**CPU, "autoscaling": {"enabled": True}}},
        },
        "services.office may have 2 pods",
    ),
    "one disk for a pod and one to come": (
        {
            "storage": {"data": {"accessMode": "ReadWriteOnce"}},
            "services": {
                "office": {**CPU, "autoscaling": {"enabled": True}},
                "character": {"enabled": False},
            },
        },
        "kind=perService",
    ),
    "a claim without a name": ({"storage": {"models": {"kind": "existing"}}}, "storage.models.claimName"),
    "a folder without a name": ({"storage": {"models": {"kind": "hostPath"}}}, "storage.models.hostPath"),
    "libs on one disk": (
        {"libs": {"source": "pvc"}, "storage": {"libs": {"accessMode": "ReadWriteOnce"}}},
        "libs.source=copy",
    ),
    "an Ingress without a gateway": ({"gateway": {"enabled": False}}, "need gateway.enabled"),
    "a route without a Gateway": ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
    "no database address": ({"history": {"mode": "external"}}, "history.external.secretName"),
    "no way to the database": (
        {"history": {"mode": "external", "external": {"secretName": "db"}}},
        "history.external.egress",
    ),
    "two writers of one file": (
        {"history": {"mode": "sqlite"}, "services": {"office": {**CPU, "replicas": 2}}},
        "replicas to 1",
    ),
    "a pin beside a required affinity": (
        {
            "services": {
                "office": {
                    "affinity": {
                        "nodeAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}
                        }
                    }
                }
            }
        },
        "services.office.nodeSelector",
    ),
    "two sources of authorities": (
        {"caBundle": {"configMapName": "a", "secretName": "b"}},
        "the certificates come from one of them",
    ),
    "two monitors": (
        {"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
        "counted twice",
    ),
    "a load test of two services without their entry": (
        {"gateway": {"enabled": False}, "ingress": {"enabled": False}, "loadTest": {"enabled": True}},
        "name one service in loadTest.args",
    ),
    "more pods at first than ever": (
        {"services": {"office": {**CPU, "autoscaling": {"enabled": True, "minReplicas": 3}}}},
        "services.office.autoscaling.minReplicas (3) is above maxReplicas (2)",
    ),
    "as many that stay as there are": (
        {"services": {"office": {**CPU, "replicas": 2, "minAvailable": 2}}},
        "services.office.minAvailable (2)",
    ),
    "a share of all that stays": (
        {"gateway": {"replicas": 2, "minAvailable": "100%"}},
        "gateway.minAvailable (100%)",
    ),
    "a share that is rounded up to all": (
        {"gateway": {"replicas": 2, "minAvailable": "51%"}},
        "gateway.minAvailable (51%)",
    ),
    "nobody away": (
        {"serviceDefaults": {**CPU, "replicas": 2, "maxUnavailable": 0}},
        "services.character.maxUnavailable (0)",
    ),
    "no share away": (
        {"services": {"office": {**CPU, "autoscaling": {"enabled": True}, "maxUnavailable": "0%"}}},
        "services.office.maxUnavailable (0%)",
    ),
    "as many that stay as there can be": (
        {"services": {"office": {**CPU, "autoscaling": {"enabled": True}, "minAvailable": 2}}},
        "services.office.minAvailable (2)",
    ),
    "everyone as a peer": ({"networkPolicy": {"ingressFrom": []}}, "networkPolicy.enabled to false"),
}


def test_a_wrong_value_is_refused_in_its_place_alone() -> None:
    said = refusal({"gateway": {"extraEnv": [{"name": "A", "value": 1}], "podLabels": {"a": "b"}}})
    places = [line.strip() for line in said.splitlines() if "- at" in line and "'allOf' failed" not in line]
    assert places == ["- at '/gateway/extraEnv/0/value': got number, want string"]


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (
            {"services": {"office": {"sampling": {"logitBias": {"abc": 2}}}}},
            "/services/office/sampling/logitBias",
        ),
        ({"models": {"catalogue": {"Bad Key": {}}}}, "/models/catalogue"),
        ({"services": {"office": {"env": {"chatbot_x": "1"}}}}, "/services/office/env"),
    ],
)
def test_a_wrong_key_is_refused_in_its_place(values: dict[str, Any], place: str) -> None:
    """Of `propertyNames` the validator tells another place, which has nothing to do with it."""
    assert set(re.findall("at '(.*?)'", refusal(values))) == {place}


@pytest.mark.parametrize("values", SCHEMA.values(), ids=SCHEMA.keys())
def test_the_schema_refuses(values: dict[str, Any]) -> None:
    assert "don't meet the specifications of the schema" in refusal(values)


@pytest.mark.parametrize(("values", "fix"), RELATIONS.values(), ids=RELATIONS.keys())
def test_a_wrong_relation_is_refused_with_its_fix(values: dict[str, Any], fix: str) -> None:
    assert fix in refusal(values)


@pytest.mark.parametrize(
    "values",
    [
        {"gateway": {"minAvailable": 1, "maxUnavailable": 0}},
        {"gateway": {"replicas": 2, "minAvailable": 1, "maxUnavailable": 0}},
        {"gateway": {"replicas": 3, "minAvailable": "66%"}},
        {"gateway": {"replicas": 2, "maxUnavailable": "1%"}},
        {"services": {"office": {**CPU, "minAvailable": "100%"}}},
        {"services": {"office": {**CPU, "autoscaling": {"enabled": True}, "minAvailable": 1}}},
        {"gateway": {"enabled": False, "replicas": 2, "minAvailable": 2}, "ingress": {"enabled": False}},
    ],
)
def test_a_budget_that_lets_a_pod_go_or_is_not_rendered_passes(values: dict[str, Any]) -> None:
    assert refusal(values) == ""


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_among_plain_values_is_told_its_place(path: str) -> None:
    values, place = SECRETS[path]
    said = refusal(values)
    assert f"{path}." in said
    assert f"use {place}" in said


@pytest.mark.parametrize("path", MOVED)
def test_a_value_of_a_former_chart_is_told_its_place(path: str) -> None:
    values, place = MOVED[path]
    assert f"{path} is no longer a value: write it as {place}" in refusal(values)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("modelSeconds", "serverSeconds"),
        ("serverSeconds", "proxySeconds"),
        ("proxySeconds", "graceSeconds"),
        ("graceSeconds", "clientSeconds"),
    ],
)
def test_timeouts_rise_from_the_model_to_the_client(lower: str, upper: str) -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())["timeouts"]
    message = refusal({"timeouts": {lower: defaults[upper], "preStopSeconds": 0}})
    assert f"timeouts.{lower} ({defaults[upper]}) must be below timeouts.{upper}" in message


def test_every_object_of_the_schema_is_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    open_objects: list[str] = []

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                open_objects.extend([path] if node.get("additionalProperties") is not False else [])
            # A component's block has the keys of podDefaults besides its own.
            for names in node.get("patternProperties", {}) if "allOf" in node else ():
                assert names == f"^({'|'.join(schema['$defs']['pod']['properties'])})$", path
            for key, value in node.items():
                walk(value, f"{path}.{key}")

    walk(schema, "")
    # What every component's block has beside its own keys; the block is closed.
    assert open_objects == [".$defs.pod"]


def test_every_value_is_in_the_schema_and_none_is_unused_there() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def known(node: dict[str, Any]) -> dict[str, Any]:
        """The keys that a value of this schema may have, by reference or not."""
        found: dict[str, Any] = dict(node.get("properties", {}))
        for part in node.get("allOf", []):
            found |= known(part)
        if "$ref" in node:
            found |= known(reduce(getitem, node["$ref"].removeprefix("#/").split("/"), schema))
        return {key: each for key, each in found.items() if not each.get("deprecated")}

    pod = set(known({"$ref": "#/$defs/pod"}))

    def compare(node: dict[str, Any], value: Any, path: str) -> list[str]:
        named = known(node)
        if not named or not isinstance(value, dict):
            return []
        # What podDefaults has, a component's block has only where it says something else.
        optional = pod if path != ".podDefaults" else set()
        wrong = [f"{path}.{key}" for key in (set(named) ^ set(value)) - (optional & set(named))]
        for key in set(named) & set(value):
            wrong += compare(named[key], value[key], f"{path}.{key}")
        return wrong

    free = re.compile(r"^\.global$|\.resources\.(limits|requests)$|\.probes\.\w+\.\w+$|\.dra\.claim\.\w+$")
    assert [path for path in compare(schema, values, "") if not free.search(path)] == []
