"""A further service as docs/adding-a-service.md shows it: one file in the source, one block of values.

The file goes into a copy of the tree, of which the base image is built; the release has no other service.
Then the block goes away, and with it everything of the service.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import REGISTRY, ROOT, Release, release_in
from k8s_support.web import ask, forward

NAMESPACE = "chatbot-tests-tutor"
PAGE = (ROOT / "docs" / "adding-a-service.md").read_text(encoding="utf-8")
pytestmark = [pytest.mark.anywhere, pytest.mark.timeout(1800)]


def block(language: str) -> str:
    """The page's first block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/adding-a-service.md has no block of {language}"
    return found[1]


def values(**more: Any) -> dict[str, Any]:
    """The page's block in a release that has no other service; all run the image that was built here."""
    (name, service) = next(iter(yaml.safe_load(block("yaml"))["services"].items()))
    off = {"enabled": False, "image": {"repository": "chatbot/base"}}
    return {
        "serviceDefaults": {"image": {"tag": "tutor"}, "gpu": {"enabled": False}, "maxTokens": 8},
        "services": {"office": off, "character": off, name: {**service, "model": "small"}},
        "ingress": {"enabled": False},
        "history": {"mode": "sqlite"},
        **more,
    }


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The base image of a tree that has the page's file, as chatbot/base:tutor in the registry."""
    tree = tmp_path_factory.mktemp("tutor")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    (tree / "src" / "chatbot" / "services" / "tutor.py").write_text(block("python"), encoding="utf-8")
    done = subprocess.run(
        [tree / "scripts" / "image-build.sh", "base"],
        env={**os.environ, "IMAGE": f"{REGISTRY}/chatbot/base:tutor", "PUSH_IMAGE": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout[-8000:]


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None, image: None) -> Iterator[Release]:
    with release_in(cluster, NAMESPACE) as release:
        release.apply(values())
        cluster.ready_pod(NAMESPACE, "tutor", 400)
        cluster.ready_pod(NAMESPACE, "gateway")
        yield release


def not_found(cluster: Cluster) -> dict[str, Any]:
    """What the gateway says of a path that is no route."""
    gateway = cluster.ready_pod(NAMESPACE, "gateway")
    with forward(NAMESPACE, f"pod/{gateway.metadata.name}", 8001) as address:
        answer = httpx.get(f"{address}/nowhere", timeout=30)
    assert answer.status_code == 404
    found: dict[str, Any] = answer.json()
    return found


def test_it_answers_through_the_gateway(cluster: Cluster, release: Release) -> None:
    pod = cluster.ready_pod(NAMESPACE, "tutor")
    assert [each.image for each in pod.spec.containers] == [f"{REGISTRY}/chatbot/base:tutor"]
    with forward(NAMESPACE, f"service/{release.object('gateway')}", 8001) as address:
        question = {"input_data": "What is a verb?"}
        answer = httpx.post(f"{address}/tutor/Llama", json=question, timeout=180)
        assert (answer.status_code, answer.headers["x-model"]) == (200, "gemma-3-270m")
        assert httpx.get(f"{address}/tutor/", timeout=30).status_code == 200
    assert not_found(cluster)["services"] == ["tutor"]


def test_the_releases_test_asks_it(release: Release) -> None:
    said = release("test", "chat", "--logs", "--timeout", "5m")
    assert "ok   tutor answers" in said
    assert "FAIL" not in said


def test_a_load_test_of_it_passes(cluster: Cluster, release: Release) -> None:
    run = ["--users", "2", "--duration", "10s", "--slo", "server_errors<=0", "--slo", "success>=99"]
    release.apply(values(loadTest={"enabled": True, "image": {"tag": "dev"}, "args": run}))

    def ended() -> Any:
        status = cluster.job(NAMESPACE, "-loadtest-").status
        return status if status.succeeded or status.failed else None

    eventually("the run ends", ended, 600)
    (pod,) = cluster.pods(NAMESPACE, "loadtest")
    assert cluster.job(NAMESPACE, "-loadtest-").status.succeeded, cluster.logs(NAMESPACE, pod.metadata.name)


def test_without_its_block_nothing_of_it_is_left_but_claims(cluster: Cluster, release: Release) -> None:
    others = values()
    others["services"] = {"office": {"image": {"repository": "chatbot/base"}, "model": "small"}}
    others["services"]["character"] = {"enabled": False}
    release.apply(others)
    cluster.ready_pod(NAMESPACE, "office", 400)

    def left() -> list[str]:
        listed = subprocess.run(
            ["kubectl", "-n", NAMESPACE, "get", "deploy,svc,pods,netpol,cm,jobs,pvc", "-o", "name"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        return [name for name in listed if "tutor" in name]

    eventually("the service is gone", lambda: left() == [], 120)
    eventually("no page lists it", lambda: not_found(cluster)["services"] == ["office"], 120)
    with forward(NAMESPACE, f"service/{release.object('gateway')}", 8001) as address:
        assert httpx.get(f"{address}/tutor/docs", timeout=30).status_code == 404
        assert ask(address, "office").status_code == 200
