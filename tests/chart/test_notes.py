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
