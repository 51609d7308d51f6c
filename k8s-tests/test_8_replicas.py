"""Pods that work as one: nobody waits while one is free, rooms stay, and no change loses a request.

Prints its figures: the cached share with one pod and several, the requests that changes cost.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from k8s_support.cluster import Cluster, eventually, is_ready
from k8s_support.hub import start_hub
from k8s_support.release import Release, release_in
from k8s_support.visitors import start_visitors, unanswered, wait_for_visitors
from k8s_support.web import Stream, forward

NAMESPACE = "chatbot-tests-replicas"
PARALLEL = 2
ENDS = ("1", "106")
"""Tokens of the tests' model, a Gemma 3, that end an answer."""
pytestmark = pytest.mark.timeout(1800)


def values(**office: Any) -> dict[str, Any]:
    """A release of the office alone, on CPUs, with a database of its own."""
    service = {"gpu": {"enabled": False}, "parallel": PARALLEL, "maxTokens": 16, **office}
    return {
        "services": {"office": service, "character": {"enabled": False}},
        "ingress": {"enabled": False},
    }


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None) -> Iterator[Release]:
    start_hub(cluster, "hub")
    with release_in(cluster, NAMESPACE) as release:
        yield release


def pods(cluster: Cluster, count: int) -> list[Any]:
    """The office's pods, once exactly so many are there and ready, and the gateway knows them."""

    def look() -> list[Any] | None:
        found = cluster.pods(NAMESPACE, "office")
        return found if len(found) == count and all(map(is_ready, found)) else None

    found = eventually(f"{count} pods of the office are ready", look, 400)
    # The gateway resolves each second, and what resolves may be five seconds old.
    time.sleep(7)
    return found


def apply(cluster: Cluster, release: Release, count: int, **office: Any) -> list[Any]:
    """So many pods behind a gateway that is ready."""
    release.apply(values(replicas=count, **office), "--wait", "--timeout", "8m")
    eventually("one gateway is left", lambda: len(cluster.pods(NAMESPACE, "gateway")) == 1, 300)
    return pods(cluster, count)


def metric(cluster: Cluster, name: str, **labels: str) -> float:
    """The sum of a metric over all pods of the office."""
    total = 0.0
    for pod in cluster.pods(NAMESPACE, "office"):
        with forward(NAMESPACE, f"pod/{pod.metadata.name}", 8002) as address:
            page = httpx.get(f"{address}/metrics", timeout=30).text
        total += sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )
    return total


def post(address: str, question: str, affinity: str, **body: Any) -> httpx.Response:
    """One question with an affinity."""
    return httpx.post(
        f"{address}/office/Llama",
        json={"input_data": question, **body},
        headers={"X-Affinity": affinity},
        timeout=180,
    )


def test_another_number_of_pods_replaces_none(cluster: Cluster, release: Release) -> None:
    (first,) = apply(cluster, release, 1)
    both = apply(cluster, release, 2)
    assert first.metadata.uid in [pod.metadata.uid for pod in both]


def test_nobody_is_refused_or_waits_while_a_pod_is_free(cluster: Cluster, release: Release) -> None:
    """As many questions at once as both pods have sequences, all of one room's affinity."""
    # No answer is over before the last question is asked, however fast the machine is.
    unending = {"logitBias": dict.fromkeys(ENDS, -100)}
    for pod in apply(cluster, release, 2, maxTokens=400, sampling=unending):
        # Else the first questions of a new pod wait for whoever reads the persona, which all of them share.
        with forward(NAMESPACE, f"pod/{pod.metadata.name}", 8002) as address:
            assert post(address, "Hello!", "nobody").status_code == 200
    with forward(NAMESPACE, f"service/{release.object('gateway')}", 8001) as address:
        passed_on, refused = (
            metric(cluster, "chatbot_passed_on_total"),
            metric(cluster, "chatbot_requests_total", outcome="refused"),
        )
        # Different ones: who asks the same waits for the neighbour that reads it, since that is sooner.
        questions = [
            "Lighthouses: tell me a long story about the keeper of one.",
            "Write down at length how bread is baked.",
            "How do bees live? Leave nothing out.",
            "Describe a walk through a forest in autumn, from morning to night.",
        ]
        assert len(questions) == 2 * PARALLEL
        streams = []
        for number, question in enumerate(questions):
            body = {"input_data": question, "user_id": f"user-{number}"}
            streams.append(Stream(address, body=body, affinity="room").start())
            eventually("the answer has begun", streams[-1].began, 60, 0.05)
        for stream in streams:
            stream.join()
        assert [stream.status for stream in streams] == [200] * len(streams)
        assert [stream.last for stream in streams] == ["done"] * len(streams)
        waited = [name for stream in streams for _, name, _ in stream.events if name == "queue"]
        assert waited == []
        assert metric(cluster, "chatbot_requests_total", outcome="refused") == refused
        assert metric(cluster, "chatbot_passed_on_total") == passed_on + PARALLEL
        assert metric(cluster, "chatbot_queue_size") == 0
        assert metric(cluster, "chatbot_active_requests") == 0


def rooms_of_turns(address: str, rooms: int, turns: range) -> list[float]:
    """Each room asks its turns one after another; the seconds of each answer."""
    took = []
    for turn in turns:
        for room in range(rooms):
            user = f"reader-{room}"
            began = time.monotonic()
            answer = post(
                address,
                f"Question {turn} of reader {room}: what is a lighthouse for?",
                user,
                user_id=user,
                db_id=f"00000000-0000-4000-8000-{room:012d}",
            )
            assert answer.status_code == 200, answer.text
            took.append(time.monotonic() - began)
    return took


def test_rooms_find_their_prefix_however_many_pods_there_are(cluster: Cluster, release: Release) -> None:
    """Eight rooms, six turns each, with one pod; then again over two, three and two pods."""
    rooms, shares, waits = 8, {}, {}

    def share(source: Mapping[str, float]) -> float:
        return source["cached"] / (source["cached"] + source["computed"])

    def counted() -> dict[str, float]:
        return {
            source: metric(cluster, "chatbot_prompt_tokens_total", source=source)
            for source in ("cached", "computed")
        }

    for name, counts in {"one": (1,), "several": (2, 3, 2)}.items():
        release("uninstall", "chat", "--wait")
        for claim in cluster.core.list_namespaced_persistent_volume_claim(NAMESPACE).items:
            if "history" in claim.metadata.name:
                cluster.core.delete_namespaced_persistent_volume_claim(claim.metadata.name, NAMESPACE)
        gained, took = {"cached": 0.0, "computed": 0.0}, list[float]()
        turns = 6 // len(counts)
        for step, count in enumerate(counts):
            apply(cluster, release, count)
            before = counted()
            with forward(NAMESPACE, f"service/{release.object('gateway')}", 8001) as address:
                took += rooms_of_turns(address, rooms, range(step * turns, (step + 1) * turns))
            after = counted()
            gained = {source: gained[source] + after[source] - before[source] for source in gained}
        shares[name], waits[name] = share(gained), median(took)
    print(f"cached share: {shares}; median seconds of an answer: {waits}")  # noqa: T201 (the figure of the test)
    assert shares["several"] >= 0.9 * shares["one"]


def test_a_killed_pod_s_question_is_stored_once_when_it_is_asked_again(
    cluster: Cluster, release: Release
) -> None:
    # The small model answers a list by going on with it: the answer takes some seconds, and the kill one.
    sampling = {"temperature": 0, "repeatPenalty": 1}
    office = apply(cluster, release, 2, maxTokens=1000, sampling=sampling)
    room, user = str(uuid4()), f"killed-{uuid4().hex[:8]}"
    with ExitStack() as forwards:
        address = forwards.enter_context(forward(NAMESPACE, f"service/{release.object('gateway')}", 8001))
        pods_at = {
            pod.metadata.name: forwards.enter_context(forward(NAMESPACE, f"pod/{pod.metadata.name}", 8002))
            for pod in office
        }
        body = {"input_data": "Sea, " + "sea, " * 17 + "sea", "user_id": user, "db_id": room}
        stream = Stream(address, body=body, affinity=user).start()
        eventually("the answer has begun", stream.began, 60, 0.02)
        (answering,) = (
            name
            for name, own in pods_at.items()
            if httpx.get(f"{own}/office/performance", timeout=30).json()["active_requests"]
        )
        cluster.core.delete_namespaced_pod(answering, NAMESPACE, grace_period_seconds=0)
        stream.join()
        assert stream.last != "done"
        assert post(address, "Hello!", user, user_id=user, db_id=room).status_code == 200
        turns = httpx.get(f"{address}/office/rooms/{room}", params={"user_id": user}, timeout=30).json()
        assert [turn["input_data"] for turn in turns["turns"]] == ["Hello!"]


def test_no_request_is_lost_while_pods_come_go_and_change(cluster: Cluster, release: Release) -> None:
    """Scale up and down, an upgrade of every pod, and an eviction, under steady questions and streams."""
    apply(cluster, release, 1, maxTokens=4)
    start_visitors(cluster, release, 420, pairs=4)
    for count, tokens in ((2, 4), (3, 4), (2, 5), (1, 5), (2, 5)):
        apply(cluster, release, count, maxTokens=tokens)
    victim = cluster.pods(NAMESPACE, "office")[0].metadata
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": victim.name}}
    cluster.core.create_namespaced_pod_eviction(victim.name, NAMESPACE, eviction)
    eventually(
        "the evicted pod is gone",
        lambda: victim.uid not in [pod.metadata.uid for pod in cluster.pods(NAMESPACE, "office")],
        240,
    )
    answers = wait_for_visitors(cluster, release, 600)
    print(f"{len(answers)} requests, {len(unanswered(answers))} lost")  # noqa: T201 (the figure of the test)
    assert unanswered(answers) == []
    assert len(answers) >= 1000


def test_a_load_test_reads_each_pod_and_is_not_run_again(cluster: Cluster, release: Release) -> None:
    arguments = ["--users", "6", "--duration", "20s", "--slo", "server_errors<=0"]
    load = {"enabled": True, "runId": "pods", "image": {"tag": "dev"}, "args": arguments}
    release.apply({**values(replicas=2), "loadTest": load}, "--wait", "--timeout", "8m")

    def ended() -> Any:
        for pod in cluster.pods(NAMESPACE, "loadtest"):
            (state,) = pod.status.container_statuses or [None]
            if state and state.state.terminated:
                return pod
        return None

    first = eventually("the run ends", ended, 600)
    said = cluster.logs(NAMESPACE, first.metadata.name)
    assert first.status.container_statuses[0].state.terminated.exit_code == 0, said
    cluster.batch.delete_namespaced_job(
        cluster.job(NAMESPACE, "-loadtest-").metadata.name, NAMESPACE, propagation_policy="Foreground"
    )
    eventually("the Job is gone", lambda: not cluster.pods(NAMESPACE, "loadtest"), 120)
    release.apply({**values(replicas=2), "loadTest": load})
    again = eventually("it ends at once", ended, 120)
    assert again.status.container_statuses[0].state.terminated.exit_code == 0
    assert "was run before and ended as passed" in cluster.logs(NAMESPACE, again.metadata.name)
