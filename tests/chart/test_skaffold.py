"""skaffold.yaml hands every image that it builds to the chart, also to a service that it does not name."""

import re
from pathlib import Path
from typing import Any

import yaml
from tests.chart.rendering import containers, example, manifests, merge, pod_specs

ROOT = Path(__file__).parents[2]
SKAFFOLD = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
FORMS = {"REPO": "registry.test/{}", "TAG": "x", "DIGEST": f"sha256:{'a' * 64}"}
"""What skaffold puts in place of IMAGE_REPO_…, IMAGE_TAG_… and IMAGE_DIGEST_…"""


def values() -> dict[str, Any]:
    """What skaffold installs the chart with, and a service that skaffold.yaml does not name."""
    (release,) = [each for each in SKAFFOLD["deploy"]["helm"]["releases"] if each["name"] == "chatbot"]
    (file,) = release["valuesFiles"]
    found = merge(example(Path(file).stem), {"services": {"tutor": {"model": "small"}}})
    for path, template in release["setValueTemplates"].items():
        (form, image) = re.fullmatch(r"\{\{\.IMAGE_(REPO|TAG|DIGEST)_(\w+)\}\}", template).groups()  # type: ignore[union-attr]
        leaf: Any = FORMS[form].format(image.replace("_", "/"))
        for key in reversed(path.split(".")):
            leaf = {key: leaf}
        found = merge(found, leaf)
    return found


def test_every_pod_runs_an_image_that_skaffold_built() -> None:
    built = {f"registry.test/{each['image']}" for each in SKAFFOLD["build"]["artifacts"]}
    used = {
        each["image"].removesuffix(f":x@{FORMS['DIGEST']}")
        for spec in pod_specs(manifests(values())).values()
        for each in containers(spec)
    }
    # The hub has a chart of its own.
    assert used == built - {"registry.test/chatbot/hub"}


def test_changed_sources_are_copied_into_every_service() -> None:
    synced = {each["image"] for each in SKAFFOLD["build"]["artifacts"] if "sync" in each}
    services = {
        spec["containers"][0]["image"].partition(":")[0].removeprefix("registry.test/")
        for name, spec in pod_specs(manifests(values())).items()
        if name.removeprefix("Deployment/chat-chatbot-") in {"office", "character", "tutor"}
    }
    assert services == synced


def test_no_profile_counts_artifacts() -> None:
    patched = [patch["path"] for profile in SKAFFOLD["profiles"] for patch in profile.get("patches", [])]
    assert patched
    assert [path for path in patched if "/artifacts/" in path] == []
