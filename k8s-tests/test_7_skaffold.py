"""skaffold.yaml as a developer uses it: dev copies changed sources into pods, run answers, delete ends it.

Works on a copy of the tree, in a namespace of its own. Skipped where skaffold is not installed.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import REGISTRY, ROOT
from k8s_support.web import ask, forward

NAMESPACE = "chatbot-tests-skaffold"
SERVICES = ("office", "character")
GATEWAY, OFFICE, CHARACTER = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))
pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Skaffold:
    """skaffold with its registry in a copy of the tree."""

    tree: Path
    environment: dict[str, str]

    def command(self, verb: str) -> list[str]:
        """What a developer types."""
        return ["skaffold", verb, "--default-repo", REGISTRY, "--interactive=false"]

    def __call__(self, verb: str) -> None:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(verb),
            cwd=self.tree,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1500,
        )
        assert done.returncode == 0, done.stdout[-8000:]

    @contextmanager
    def developing(self) -> Iterator[Path]:
        """`skaffold dev` while the block runs; yields its log. Leaving interrupts it, as Ctrl-C does."""
        log = self.tree.parent / "dev.log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                self.command("dev"), cwd=self.tree, env=self.environment, stdout=output, stderr=output
            ) as process,
        ):
            try:
                yield log
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(300)


@pytest.fixture(scope="module")
def skaffold(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Skaffold]:
    if shutil.which("skaffold") is None:
        pytest.skip("skaffold is not in PATH")
    folder = tmp_path_factory.mktemp("skaffold")
    path = f"{_with_a_helm_it_knows(folder)}{os.environ['PATH']}"
    environment = {"BUILDER": "buildah", **os.environ, "PATH": path}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / "tree" / name)
    file = folder / "tree" / "skaffold.yaml"
    file.write_text(file.read_text().replace("namespace: chatbot", f"namespace: {NAMESPACE}"))
    cluster.create_namespace(NAMESPACE)
    yield Skaffold(folder / "tree", environment)
    cluster.delete_namespace(NAMESPACE)


def _with_a_helm_it_knows(folder: Path) -> str:
    """A folder for the front of PATH in which helm still has `version --client`; "" if it has so already."""
    asked = subprocess.run(["helm", "version", "--client"], capture_output=True, check=False)
    older = shutil.which(os.environ.get("HELM3", "helm3"))
    if asked.returncode == 0 or older is None:
        return ""
    (folder / "bin").mkdir()
    (folder / "bin" / "helm").symlink_to(older)
    return f"{folder / 'bin'}:"


def version(address: str, service: str) -> str:
    """What the service's own description says of its version; "" where it does not answer."""
    try:
        answer = httpx.get(f"{address}/{service}/openapi.json", timeout=5)
    except httpx.HTTPError:
        return ""
    return str(answer.json()["info"]["version"]) if answer.status_code == 200 else ""


def test_dev_copies_a_changed_source_into_the_running_pods(cluster: Cluster, skaffold: Skaffold) -> None:
    source = skaffold.tree / "src" / "chatbot" / "__init__.py"
    was = source.read_text()
    with skaffold.developing() as log:
        eventually("skaffold watches", lambda: "Watching for changes" in log.read_text(), 900)
        old = version(GATEWAY, "office")
        assert old
        assert (version(OFFICE, "office"), version(CHARACTER, "character")) == (old, old)
        pods = {part: cluster.ready_pod(NAMESPACE, part).metadata.uid for part in SERVICES}
        source.write_text(was.replace(f'"{old}"', f'"{old}.synced"'))
        for address, part in ((GATEWAY, "office"), (OFFICE, "office"), (CHARACTER, "character")):

            def changed(address: str = address, part: str = part) -> bool:
                return version(address, part) == f"{old}.synced"

            eventually(f"{part} runs the changed source", changed, 120)
        assert pods == {part: cluster.ready_pod(NAMESPACE, part).metadata.uid for part in pods}
        eventually("office answers", lambda: ask(GATEWAY, "office").status_code == 200, 60)
    source.write_text(was)


def test_run_builds_installs_and_answers(cluster: Cluster, skaffold: Skaffold) -> None:
    skaffold("run")
    for service in SERVICES:
        spec = cluster.ready_pod(NAMESPACE, service).spec
        images = [each.image for each in (*spec.init_containers, *spec.containers)]
        assert [image for image in images if "@sha256:" not in image] == []
    with forward(NAMESPACE, "service/chatbot-gateway", 8001) as address:
        assert {ask(address, service).status_code for service in SERVICES} == {200}


def test_delete_leaves_nothing_but_volumes(cluster: Cluster, skaffold: Skaffold) -> None:
    skaffold("delete")
    eventually("no pod is left", lambda: not cluster.pods(NAMESPACE), 240)
    left = subprocess.run(
        ["kubectl", "-n", NAMESPACE, "get", "all,cm,secret,pvc,ingress,netpol,sa", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    kept = {
        f"persistentvolumeclaim/chatbot-{kind}-{service}"
        for kind in ("data", "models")
        for service in SERVICES
    }
    assert set(left) - {"configmap/kube-root-ca.crt", "serviceaccount/default"} == kept
