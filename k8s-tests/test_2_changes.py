"""The release changes under load, libs in all three ways: nothing that was admitted is lost."""

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Self

import httpx
import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import SUITE_NAMESPACE, SUITE_VALUES, Release
from k8s_support.web import QUESTION, Stream, ask, forward

NAMESPACE = SUITE_NAMESPACE


class Visitors:
    """Somebody who asks again and again: every answer must be 200, or 503 with Retry-After."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.seen: list[tuple[int, str]] = []
        self.ended = Event()
        self.thread = Thread(target=self._visit, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join(200)
        assert not self.thread.is_alive()

    def _visit(self) -> None:
        while not self.ended.is_set():
            try:
                answer = httpx.post(f"{self.address}/office/Llama", json=QUESTION["office"], timeout=190)
                self.seen.append((answer.status_code, answer.headers.get("retry-after", "")))
            except httpx.HTTPError as error:
                self.seen.append((0, repr(error)))
            time.sleep(0.3)

    def wrong(self) -> list[tuple[int, str]]:
        return [each for each in self.seen if each[0] != 200 and not (each[0] == 503 and each[1])]


def in_flight(gateway: str) -> list[Stream]:
    """Four admitted streams, the first of which has begun to answer."""
    question = "Write a long story about a lighthouse keeper."
    streams = [Stream(gateway, body={"input_data": question}).start() for _ in range(4)]
    eventually("an answer has begun", lambda: any(each.began() for each in streams), 120, 0.02)
    return streams


def change_under_load(cluster: Cluster, gateway: str, change: Callable[[], object]) -> None:
    """Make a change that replaces the office pod while answers are under way, and hold the promises."""
    before = cluster.ready_pod(NAMESPACE, "office").metadata.uid
    with Visitors(gateway) as visitors:
        streams = in_flight(gateway)
        changed = time.monotonic()
        change()
        for stream in streams:
            stream.join()
        eventually(
            "the old pod is gone",
            lambda: before not in [pod.metadata.uid for pod in cluster.pods(NAMESPACE, "office")],
            240,
        )
        cluster.ready_pod(NAMESPACE, "office")

        def answered() -> bool:
            return visitors.seen[-1:] == [(200, "")]

        eventually("visitors are answered again", answered, 60)
    admitted = [stream for stream in streams if stream.status == 200]
    assert admitted
    assert [stream.last for stream in admitted] == ["done"] * len(admitted), [
        stream.failure for stream in streams
    ]
    assert max(stream.events[-1][0] for stream in admitted) > changed, (
        "the change came too late to prove anything"
    )
    assert [stream.status for stream in streams if stream.status not in {200, 503}] == []
    assert visitors.wrong() == []
    assert any(status == 503 for status, _ in visitors.seen)


def libs_way(cluster: Cluster) -> str:
    pod = cluster.ready_pod(NAMESPACE, "office")
    path = cluster.run(
        NAMESPACE, pod.metadata.name, "python", "-c", "import llama_cpp; print(llama_cpp.__file__)"
    )
    assert path.startswith("/opt/python-libs/")
    (volume,) = [found for found in pod.spec.volumes if found.name == "libs"]
    return "copy" if volume.empty_dir else "pvc" if volume.persistent_volume_claim else "image"


@pytest.fixture(scope="module")
def long_answers(cluster: Cluster, suite: Release) -> None:
    """Answers long enough that a change finds some under way."""
    values = {**SUITE_VALUES, "services": {"office": {"maxTokens": 300}}}
    suite.apply(values)
    eventually("the new office pod is there", lambda: _max_tokens(cluster) == "300", 240)
    cluster.ready_pod(NAMESPACE, "office")


def _max_tokens(cluster: Cluster) -> str:
    pods = [pod for pod in cluster.pods(NAMESPACE, "office") if pod.metadata.deletion_timestamp is None]
    env = {entry.name: entry.value for pod in pods for entry in pod.spec.containers[0].env}
    return str(env.get("CHATBOT_OFFICE__MAX_TOKENS"))


def test_a_deleted_pod_finishes_what_it_began(
    cluster: Cluster, suite: Release, long_answers: None, gateway: str
) -> None:
    assert libs_way(cluster) == "copy"
    pod = cluster.ready_pod(NAMESPACE, "office").metadata.name
    change_under_load(cluster, gateway, lambda: cluster.core.delete_namespaced_pod(pod, NAMESPACE))


def test_an_upgrade_loses_nothing_and_libs_come_as_an_image(
    cluster: Cluster, suite: Release, long_answers: None, gateway: str
) -> None:
    values = {**SUITE_VALUES, "services": {"office": {"maxTokens": 300}}, "libs": {"source": "image"}}
    change_under_load(cluster, gateway, lambda: suite.apply(values))
    assert libs_way(cluster) == "image"


def test_a_rollback_loses_nothing(cluster: Cluster, suite: Release, long_answers: None, gateway: str) -> None:
    previous = str(suite.history()[-2]["revision"])
    change_under_load(cluster, gateway, lambda: suite("rollback", "chat", previous))
    assert libs_way(cluster) == "copy"


def test_libs_come_from_a_volume(cluster: Cluster, suite: Release) -> None:
    suite.apply({**SUITE_VALUES, "services": {"character": {"enabled": False}}, "libs": {"source": "pvc"}})

    def way() -> bool:
        return libs_way(cluster) == "pvc"

    eventually("libs come from the volume", way, 240)
    # A route less is another nginx.conf, so the gateway's pod is another one too.
    cluster.ready_pod(NAMESPACE, "gateway")
    with forward(NAMESPACE, f"service/{suite.object('gateway')}", 8001) as address:
        assert ask(address, "office").status_code == 200
        assert httpx.get(f"{address}/character/docs", timeout=30).status_code == 404


def test_an_upgrade_does_not_download_again(cluster: Cluster, suite: Release) -> None:
    jobs = [
        job for job in cluster.batch.list_namespaced_job(NAMESPACE).items if "-models-" in job.metadata.name
    ]
    newest = max(jobs, key=lambda job: job.metadata.creation_timestamp).metadata.name
    pods = [pod for pod in cluster.pods(NAMESPACE, "models") if pod.metadata.labels["job-name"] == newest]
    said = "".join(cluster.logs(NAMESPACE, pod.metadata.name) for pod in pods)
    assert "there already" in said or len(jobs) == 1
