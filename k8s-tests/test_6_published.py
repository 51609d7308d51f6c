"""The chart as a release publishes it, installed from there; its backup brings back what was deleted."""

import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import ACCESS_MODE, REGISTRY, ROOT, VALUES, Release
from k8s_support.web import ask, forward

pytestmark = pytest.mark.anywhere
NAMESPACE = "chatbot-tests-published"
BACKUPS = {"name": "copies", "persistentVolumeClaim": {"claimName": "chat-chatbot-backups"}}
OWN: dict[str, Any] = {
    "services": {
        "office": {
            "gpu": {"enabled": False},
            "maxTokens": 8,
            # Where copies are read again, which is an operator's pod in earnest.
            "extraVolumes": [BACKUPS],
            "extraVolumeMounts": [{"name": "copies", "mountPath": "/copies", "readOnly": True}],
        },
        "character": {"enabled": False},
    },
    "gateway": {"enabled": False},
    "ingress": {"enabled": False},
    "history": {"mode": "sqlite"},
    "backup": {"enabled": True, "encryption": {"secretName": "keys"}},
    "storage": {name: {"accessMode": ACCESS_MODE} for name in ("models", "data", "backups")},
}


def published(folder: Path) -> tuple[str, str]:
    """Push the chart as a release of this checkout does; its address and version."""
    script = runpy.run_path(str(ROOT / "scripts" / "release.py"))
    chart = script["write_chart"](folder, REGISTRY, script["images"](REGISTRY, "cpu"), "")
    release = Release(NAMESPACE)
    release("package", str(chart), "--destination", str(folder))
    version = script["version"]()
    release("push", "--plain-http", str(folder / f"chatbot-{version}.tgz"), f"oci://{REGISTRY}/charts")
    return f"oci://{REGISTRY}/charts/chatbot", version


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    cluster.create_namespace(NAMESPACE)
    folder = tmp_path_factory.mktemp("published")
    address, version = published(folder)
    common = yaml.safe_load(VALUES.read_text())
    del common["images"]["registry"]
    for name, values in (("common.yaml", common), ("own.yaml", OWN)):
        (folder / name).write_text(yaml.safe_dump(values))
    files = ["-f", str(folder / "common.yaml"), "-f", str(folder / "own.yaml")]
    release = Release(NAMESPACE)
    release("install", "chat", address, "--plain-http", "--version", version, *files)
    cluster.ready_pod(NAMESPACE, "office", 400)
    yield release
    release("uninstall", "chat", check=False)
    cluster.delete_namespace(NAMESPACE)


def test_a_published_chart_takes_its_images_from_where_it_was_published(
    cluster: Cluster, release: Release
) -> None:
    pod = cluster.ready_pod(NAMESPACE, "office")
    images = [each.image for each in [*pod.spec.init_containers, *pod.spec.containers]]
    assert images
    assert all(image.startswith(f"{REGISTRY}/chatbot/") for image in images)


def run_backup(cluster: Cluster, job: str) -> str:
    """Run the office's CronJob now and return what its pod says."""
    command = ["kubectl", "-n", NAMESPACE, "create", "job", job, "--from=cronjob/chat-chatbot-backup-office"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    eventually("the copy is made", lambda: cluster.job(NAMESPACE, job).status.succeeded, 180)
    pods = [pod for pod in cluster.pods(NAMESPACE, "backup") if pod.metadata.name.startswith(job)]
    return cluster.logs(NAMESPACE, pods[0].metadata.name)


def test_a_backup_is_encrypted_and_brings_back_what_was_deleted(cluster: Cluster, release: Release) -> None:
    office = cluster.ready_pod(NAMESPACE, "office").metadata.name
    made = cluster.run(NAMESPACE, office, "age-keygen").splitlines()
    (public,) = [line.split()[-1] for line in made if line.startswith("# public key:")]
    (private,) = [line for line in made if line.startswith("AGE-SECRET-KEY-")]
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}
    cluster.apply(NAMESPACE, {**secret, "stringData": {"recipients": f"{public}\n"}})

    with (
        forward(NAMESPACE, f"service/{release.object('office')}", 8002) as address,
        httpx.Client(base_url=address, timeout=30) as http,
    ):
        kept, deleted = (ask(address, "office", user_id=user) for user in ("keeper", "leaver"))
        http.delete("/office/rooms", params={"user_id": "leaver"}).raise_for_status()
        assert "1 turns are in office-" in run_backup(cluster, "first")

        room, who = f"/office/rooms/{kept.headers['x-db-id']}", {"user_id": "keeper"}
        before = http.get(room, params=who).json()
        assert [turn["output_data"] for turn in before["turns"]] == [kept.json()]
        http.delete("/office/rooms", params=who).raise_for_status()
        assert http.get(room, params=who).status_code == 404
        copy = f"echo {private} > /tmp/key; age -d -i /tmp/key /copies/office-*.jsonl.age"
        restored = cluster.run(NAMESPACE, office, "sh", "-c", f"{copy} | chatbot history import /dev/stdin")
        assert "imported 1 turns" in restored
        assert http.get(room, params=who).json() == before
        gone = http.get(f"/office/rooms/{deleted.headers['x-db-id']}", params={"user_id": "leaver"})
        assert gone.status_code == 404
    assert cluster.run(NAMESPACE, office, "sh", "-c", "grep -c output_data /copies/* || true").strip() == "0"
