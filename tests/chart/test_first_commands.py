"""The three commands of the README lead to pods whose images the first of them pushes."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.rendering import CHART, example, manifests, merge, of_kind, pod_specs, refusal

ROOT = Path(__file__).parents[2]
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
OURS = re.compile(r"^registry\.example\.com/")
BUILDAH = """#!/bin/sh
[ "$1" != push ] || { shift; for name; do :; done; echo "$name" >> "$PUSHED"; }
"""


def commands(page: str) -> list[list[str]]:
    """The page's first shell block about Kubernetes, split as a shell splits it."""
    text = (ROOT / page).read_text()
    block = text[text.index("./taskw k8s:images -- registry") :].split("```")[0]
    return [shlex.split(line) for line in block.strip().splitlines()]


def pushed(folder: Path, arguments: list[str]) -> set[str]:
    """What scripts/k8s-images.sh pushes, by a builder that only writes the names down."""
    (folder / "buildah").write_text(BUILDAH)
    (folder / "buildah").chmod(0o755)
    environment = {"BUILDER": "buildah", "PATH": f"{folder}:/usr/bin:/bin", "PUSHED": str(folder / "pushed")}
    script = ROOT / "scripts" / "k8s-images.sh"
    subprocess.run([script, *arguments], env=environment, check=True, capture_output=True)
    return set((folder / "pushed").read_text().split())


def wanted(values: dict[str, Any]) -> set[str]:
    """Images of the one registry that the pods of these values need; the database's is one of them."""
    found = set()
    for spec in pod_specs(manifests(values)).values():
        found |= {each["image"] for each in [*spec.get("initContainers", []), *spec["containers"]]}
        found |= {each["image"]["reference"] for each in spec["volumes"] if "image" in each}
    return {name for name in found if OURS.match(name)}


def test_the_readme_and_the_page_say_the_same() -> None:
    assert commands("README.md") == commands("docs/kubernetes.md")


@pytest.mark.parametrize(("variant", "name"), [("cpu", "one-machine-cpu"), ("cuda", "two-gpu-nodes")])
def test_what_is_pushed_is_what_is_installed(tmp_path: Path, variant: str, name: str) -> None:
    images, install, forward = commands("README.md")
    assert images[:3] == ["./taskw", "k8s:images", "--"]
    prefix, tag, _ = images[3:]
    assert install[:4] == ["helm", "install", "chat", "charts/chatbot"]
    assert install[install.index("-f") + 1] == "charts/chatbot/examples/one-machine-cpu.yaml"
    registry = install[install.index("--set") + 1].removeprefix("images.registry=")
    values = merge(example(name), {"images": {"registry": registry}})
    assert "registry.example.com/library/mongo:8.0" in wanted(values)
    assert wanted(values) <= pushed(tmp_path, [prefix, tag, variant])
    assert forward[:2] == ["kubectl", "port-forward"]
    services = of_kind(manifests(values), "Service")
    ports = services[forward[2].removeprefix("service/")]["spec"]["ports"]
    assert int(forward[3]) in [port["port"] for port in ports]


def test_the_load_test_is_pushed_too(tmp_path: Path) -> None:
    values = merge(example("load-test"), {"images": {"registry": "registry.example.com"}})
    assert wanted(values) <= pushed(tmp_path, ["registry.example.com/chatbot", VERSION, "cuda"])


@pytest.mark.parametrize(
    ("cards", "variant", "tag"),
    [(-1, "", "cuda"), (0, "", "cpu"), (0, "cuda", "cuda"), (20, "cuda", "cuda"), (0, "cpu", "cpu")],
)
def test_the_engine_fits_what_services_compute_on(cards: int, variant: str, tag: str) -> None:
    values = {
        "libs": {"variant": variant},
        "services": {"office": {"gpu": {"layers": cards}}, "character": {"gpu": {"enabled": False}}},
    }
    office = pod_specs(manifests(values))["Deployment/chat-chatbot-office"]
    assert office["initContainers"][0]["image"] == f"chatbot/libs:{VERSION}-{tag}"


def test_a_cpu_engine_for_a_card_is_refused_with_the_fix() -> None:
    assert "set libs.variant to cuda" in refusal({"libs": {"variant": "cpu"}})
