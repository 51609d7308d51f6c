"""Renders the chart through Helm's own SDK (a wheel), so that no helm needs to be installed."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import yaml

CHART = Path(__file__).parents[2] / "charts" / "chatbot"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
NOTES = "chatbot/templates/NOTES.txt"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values as Helm merges them: maps deeply, everything else replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


@cache
def _chart(folder: Path) -> helm.Chart:
    return helm.Chart.load(str(folder))


@cache
def _rendered(folder: Path, values: str) -> dict[str, str]:
    rendered: dict[str, str] = _chart(folder).render(json.loads(values), name="chat", namespace="demo")
    return {path: text for path, text in sorted(rendered.items()) if text.strip()}


FOREIGN = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds that are not of Kubernetes itself, so that its schemas do not know them."""


def assert_valid(objects: Iterable[dict[str, Any]]) -> None:
    """Raise unless each object fits its schema."""
    for each in objects:
        if each["kind"] not in FOREIGN:
            kubernetes_validate.validate(each, "1.36.0", strict=True)


def example(name: str, chart: Path = CHART) -> dict[str, Any]:
    """The values of an example file; "" for none."""
    if not name:
        return {}
    loaded: dict[str, Any] = yaml.safe_load((chart / "examples" / f"{name}.yaml").read_text())
    return loaded


def templates(values: Mapping[str, Any] | None = None, chart: Path = CHART) -> dict[str, str]:
    """Text of each rendered template by its path, NOTES included."""
    return _rendered(chart, json.dumps(values or {}))


def whole(name: str = "", chart: Path = CHART) -> str:
    """All templates of an example ("" for the defaults) as one text, NOTES last, for people to read."""
    parts = templates(example(name, chart), chart)
    ordered = [path for path in parts if path != NOTES] + [NOTES]
    return "".join(f"---\n# {path.removeprefix('chatbot/')}\n{parts[path].strip()}\n" for path in ordered)


def manifests(values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Every object of the chart."""
    texts = (text for path, text in templates(values).items() if path != NOTES)
    return [found for text in texts for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def refusal(values: Mapping[str, Any]) -> str:
    """The message with which the chart refuses these values; "" when it does not."""
    try:
        manifests(values)
    except helm.HelmError as error:
        return str(error)
    return ""


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of one kind by name."""
    return {found["metadata"]["name"]: found for found in objects if found["kind"] == kind}


def pod_specs(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every pod spec by "Kind/name"."""
    specs = {}
    for found in objects:
        name = f"{found['kind']}/{found['metadata']['name']}"
        owner = found["spec"]["jobTemplate"] if found["kind"] == "CronJob" else found
        if found["kind"] == "Pod":
            specs[name] = found["spec"]
        elif "template" in owner.get("spec", {}) and "spec" in owner["spec"]["template"]:
            specs[name] = owner["spec"]["template"]["spec"]
    return specs


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Containers of a pod, those that run first included."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(spec: dict[str, Any]) -> dict[str, Any]:
    """Environment of a pod's first container by name."""
    return {
        entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in spec["containers"][0]["env"]
    }
