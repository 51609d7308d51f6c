"""Names of objects, from whatever a release is called; and whole references of images."""

import re
from typing import Any

import helm_python as helm
import pytest
import yaml
from tests.chart.rendering import CHART, NOTES, containers, manifests, pod_specs, refusal

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def names(values: dict[str, Any], release: str) -> set[str]:
    """Names of all that a release of this name renders."""
    rendered = helm.Chart.load(str(CHART)).render(values, name=release, namespace="demo")
    texts = [text for path, text in rendered.items() if path != NOTES]
    return {found["metadata"]["name"] for text in texts for found in yaml.safe_load_all(text) if found}


@pytest.mark.parametrize(
    ("values", "release", "prefix"),
    [
        ({}, "my.release", "my-release-chatbot"),
        ({}, "chatbot.v2", "chatbot-v2"),
        ({"nameOverride": "My_Name"}, "chat", "chat-my-name"),
        ({"nameOverride": "My_Name", "fullnameOverride": "mine"}, "chat", "mine"),
        # These fitted before: another name would leave the kept claims behind.
        ({}, "chat", "chat-chatbot"),
        ({"fullnameOverride": "mine-"}, "chat", "mine"),
        ({}, "a-release-whose-name-is-rather-long", "a-release-whose-name-is-rat-5a78a05f"),
    ],
)
def test_names_fit_a_service_whatever_the_release_is_called(
    values: dict[str, Any], release: str, prefix: str
) -> None:
    found = names(values, release)
    assert f"{prefix}-gateway" in found
    assert [name for name in found if not DNS_LABEL.fullmatch(name)] == []


@pytest.mark.parametrize(
    "wrong",
    [{"fullnameOverride": "UPPER"}, {"fullnameOverride": "a.b"}, {"nameOverride": "My Name"}],
)
def test_an_override_that_is_no_name_is_refused(wrong: dict[str, str]) -> None:
    assert f"at '/{next(iter(wrong))}'" in refusal(wrong)


@pytest.mark.parametrize(
    "registry", ["reg.example.com/team/", "https://reg.example.com/team", "http://reg.example.com/team//"]
)
def test_a_registry_is_taken_as_people_copy_it(registry: str) -> None:
    plain = pod_specs(manifests({"images": {"registry": "reg.example.com/team"}}))
    assert pod_specs(manifests({"images": {"registry": registry}})) == plain
    images = {each["image"] for spec in plain.values() for each in containers(spec)}
    assert {image.rsplit("/", 2)[0] for image in images} == {"reg.example.com/team"}


NAMES = {
    "openai": {"secretName": "42", "key": "7"},
    "search": {"secretName": "42"},
    "access": {"secretName": "42", "key": "7"},
    "prompts": {"configMapName": "42"},
    "serviceAccount": {"name": "42"},
    "models": {"token": {"secretName": "42", "key": "7"}},
    "history": {"mode": "bundled", "bundled": {"auth": {"secretName": "42"}, "storageClass": "42"}},
    "backup": {"enabled": True, "encryption": {"secretName": "42"}},
    "storage": {"models": {"storageClass": "42"}, "data": {"kind": "existing", "claimName": "42"}},
    "serviceDefaults": {"gpu": {"runtimeClassName": "42"}},
    "services": {"on": {"port": 8004, "gpu": {"enabled": False}}},
    "ingress": {"className": "42", "host": "1.5"},
}
"""Whatever an operator names, by words that YAML would read as something else than a text."""

TEXTS = (
    "name|namespace|key|host|(secret|claim|service|serviceAccount|storageClass|runtimeClass|ingressClass)Name"
)
"""Keys whose value is a text."""


def not_texts(value: Any, path: str = "") -> list[str]:
    """Where a name, a label or an argument is no text."""
    if isinstance(value, list):
        return [found for number, each in enumerate(value) for found in not_texts(each, f"{path}/{number}")]
    if not isinstance(value, dict):
        texts = re.search(rf"/(labels|matchLabels|annotations|args)/[^/]+$|/({TEXTS})$", path)
        return [f"{path}: {value!r}"] if texts and not isinstance(value, str) else []
    return [found for key, each in value.items() for found in not_texts(each, f"{path}/{key}")]


@pytest.mark.parametrize("release", ["42", "0123", "1e3", "0x1f", "true", "null", "chat"])
def test_names_that_yaml_would_read_as_numbers_stay_texts(release: str) -> None:
    values = {**NAMES, "nameOverride": release}
    rendered = helm.Chart.load(str(CHART)).render(values, name=release, namespace="4242")
    texts = [text for path, text in rendered.items() if path != NOTES]
    objects = [found for text in texts for found in yaml.safe_load_all(text) if found]
    assert not_texts(objects) == []
    assert {each["metadata"]["namespace"] for each in objects} == {"4242"}
    selectors = [each["spec"]["selector"]["matchLabels"] for each in objects if each["kind"] == "Deployment"]
    assert {labels["app.kubernetes.io/instance"] for labels in selectors} == {release}
