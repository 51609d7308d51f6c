"""What an operator reads after an install: all that the values name, so that a missing thing is found."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chart.rendering import CHART, NOTES, example, manifests, merge, pod_specs, templates

EVERYTHING: dict[str, Any] = {
    "images": {"pullSecrets": ["pull"]},
    "models": {"token": {"secretName": "hub"}},
    "openai": {"secretName": "openai"},
    "search": {"enabled": True, "secretName": "search"},
    "access": {"secretName": "keys"},
    "prompts": {"configMapName": "persona"},
    "caBundle": {"configMapName": "ca"},
    "proxy": {"secretName": "proxy"},
    "ingress": {"tls": {"secretName": "tls"}},
    "history": {"bundled": {"auth": {"secretName": "database"}}},
    "backup": {"enabled": True, "encryption": {"secretName": "age"}},
    "libs": {"source": "pvc"},
    "loadTest": {"enabled": True},
    "storage": {
        name: {"kind": "existing", "claimName": f"my-{name}"}
        for name in ("models", "data", "results", "libs", "backups")
    },
}

KINDS = {
    "secretKeyRef": "secret",
    "secretRef": "secret",
    "imagePullSecrets": "secret",
    "secretName": "secret",
    "configMap": "configmap",
    "claimName": "pvc",
}
"""By the key of a manifest what it names: the name itself, or a map that holds it."""


def named(values: dict[str, Any]) -> set[str]:
    """What the notes ask `kubectl get` for in one line."""
    found = re.search(r"your values name: kubectl -n demo get (.*)", templates(values)[NOTES])
    return set(found[1].split()) if found else set()


def references(node: Any, key: str = "") -> Iterator[str]:
    """Secrets, ConfigMaps and claims that a part of a manifest under this key refers to."""
    if isinstance(node, list):
        for each in node:
            yield from references(each, key)
    elif isinstance(node, dict):
        if kind := KINDS.get(key):
            yield f"{kind}/{node['name']}"
        for name, value in node.items():
            yield from references(value, name)
    elif kind := KINDS.get(key):
        yield f"{kind}/{node}"


def mentioned(values: dict[str, Any]) -> set[str]:
    """What pods and the Ingress refer to and the chart does not make."""
    objects = manifests(values)
    kinds = {"ConfigMap": "configmap", "PersistentVolumeClaim": "pvc"}
    made = {f"{kinds.get(found['kind'])}/{found['metadata']['name']}" for found in objects}
    ways = [found["spec"] for found in objects if found["kind"] == "Ingress"]
    return set(references([*pod_specs(objects).values(), *ways])) - made


@pytest.mark.parametrize(
    "values",
    [
        EVERYTHING,
        merge(EVERYTHING, {"caBundle": {"configMapName": "", "secretName": "ca"}}),
        merge(example("external-mongodb"), {"backup": {"enabled": True}}),
        merge(EVERYTHING, {"history": {"mode": "sqlite"}, "libs": {"source": "copy"}}),
        merge(EVERYTHING, {"backup": {"enabled": False}, "loadTest": {"enabled": False}}),
        {},
    ],
)
def test_the_notes_name_what_pods_wait_for(values: dict[str, Any]) -> None:
    assert named(values) == mentioned(values)


def test_the_notes_say_how_to_copy_now() -> None:
    assert "create job --from=cronjob/chat-chatbot-backup first-copy" in templates(EVERYTHING)[NOTES]
    sqlite = merge(EVERYTHING, {"history": {"mode": "sqlite"}})
    assert "--from=cronjob/chat-chatbot-backup-SERVICE first-copy" in templates(sqlite)[NOTES]


CPU: dict[str, Any] = {"gpu": {"enabled": False}}
FOLDER = {"kind": "hostPath", "hostPath": "/srv"}
TWO = {"services": {"office": {**CPU, "replicas": 2}}}
SCALED = {**CPU, "autoscaling": {"enabled": True}}
COPIES: dict[str, Any] = {
    "history": {"mode": "sqlite"},
    "backup": {"enabled": True},
    "storage": {"backups": {"accessMode": "ReadWriteOnce"}},
}
PROXY: dict[str, Any] = {"proxy": {"secretName": "proxy"}}
ALONE: dict[str, Any] = {"gateway": {"enabled": False}, "ingress": {"enabled": False}}
PEERS = [{"ipBlock": {"cidr": "192.0.2.1/32"}}]

WARNED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "models on a node": (
        {"storage": {"models": FOLDER}},
        {"models": {"source": "volume"}},
        "storage.models is hostPath: ",
    ),
    "libs on a node": (
        {"libs": {"source": "pvc"}, "storage": {"libs": FOLDER}},
        {"libs": {"source": "copy"}},
        "storage.libs is hostPath: ",
    ),
    "copies on a disk": (COPIES, {"services": {"character": {"enabled": False}}}, "storage.backups is one"),
    "no balancer": (merge(ALONE, TWO), {"services": {"office": {"replicas": 1}}}, "services.office: without"),
    "a balancer that knows late": (
        merge(TWO, {"timeouts": {"preStopSeconds": 5}}),
        {"timeouts": {"preStopSeconds": 6}},
        "timeouts.preStopSeconds is 5",
    ),
    "the last pod stays": (
        {"services": {"office": {**SCALED, "minAvailable": "50%"}}},
        {"services": {"office": {"autoscaling": {"minReplicas": 2}}}},
        "services.office.minAvailable is 50%",
    ),
    "no way to the proxy": (PROXY, {"proxy": {"to": PEERS}}, "proxy.to is empty"),
    "another way to the proxy": (
        PROXY,
        {"networkPolicy": {"servicesTo": [{"to": PEERS}]}},
        "proxy.to is empty",
    ),
}
"""Values, values that mend them, and what the notes say of the first alone."""


@pytest.mark.parametrize(("values", "mended", "said"), WARNED.values(), ids=WARNED.keys())
def test_the_notes_say_what_may_not_work(values: dict[str, Any], mended: dict[str, Any], said: str) -> None:
    assert said in templates(values)[NOTES]
    assert said not in templates(merge(values, mended))[NOTES]
    assert said not in templates()[NOTES]


@pytest.mark.parametrize("word", ["kubectl scale", "volume node affinity conflict", "Multi-Attach"])
def test_notes_and_table_of_pods_that_do_not_start_know_it(word: str) -> None:
    table = (
        (CHART.parents[1] / "docs" / "kubernetes.md").read_text().partition("## A pod that does not start")[2]
    )
    assert word in table
    assert word in templates({})[NOTES]


def test_the_notes_warn_of_an_sqlite_file_on_a_share() -> None:
    sentence = "SQLite files lie on a ReadWriteMany volume"
    sqlite = {"history": {"mode": "sqlite"}}
    assert sentence in templates(sqlite)[NOTES]
    assert sentence not in templates({})[NOTES]
    assert sentence not in templates(example("small"))[NOTES]
