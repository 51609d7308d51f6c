"""The Locust Job: its run lies on the results volume, its exit code is the verdict, its page is served."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.hub import start_hub
from k8s_support.release import Release, release_in
from k8s_support.web import forward

NAMESPACE = "chatbot-tests-load"
COLUMNS = (
    "user_id,test_type,endpoint,character_name,status_code,response_time,success,failure_reason,retry_count,"
    "retry_after_seconds,timestamp,response_size,is_retry_record,is_final_failure,is_final_success,error,process_time"
)


def values(run: str, goal: str) -> dict[str, Any]:
    return {
        "services": {"office": {"gpu": {"enabled": False}, "maxTokens": 8}, "character": {"enabled": False}},
        "ingress": {"enabled": False},
        "history": {"mode": "sqlite"},
        "loadTest": {
            "enabled": True,
            "runId": run,
            "image": {"tag": "dev"},
            "args": ["--service", "office", "--users", "2", "--duration", "10s", "--slo", goal],
            "dashboard": {"enabled": True},
        },
    }


@pytest.fixture(scope="module")
def release(cluster: Cluster, hub: None) -> Iterator[Release]:
    start_hub(cluster, "hub")
    with release_in(cluster, NAMESPACE) as release:
        yield release


def exit_code(cluster: Cluster, run: str) -> int:
    """How the run of this name ended."""

    def ended() -> Any:
        for pod in cluster.pods(NAMESPACE, "loadtest"):
            (state,) = pod.status.container_statuses or [None]
            if f"--run-id={run}" in pod.spec.containers[0].args and state and state.state.terminated:
                return state.state.terminated
        return None

    return int(eventually(f"the run {run} ends", ended, 600).exit_code)


def test_a_run_that_meets_its_goal_passes_and_is_on_the_volume(cluster: Cluster, release: Release) -> None:
    release.apply(values("first", "server_errors<=0"))
    assert exit_code(cluster, "first") == 0
    assert eventually("the Job succeeded", lambda: cluster.job(NAMESPACE, "-loadtest-").status.succeeded) == 1
    gateway = cluster.ready_pod(NAMESPACE, "gateway")
    with forward(NAMESPACE, f"pod/{gateway.metadata.name}", 8001) as address:
        text = httpx.get(f"{address}/loadtest/first/results.csv", timeout=30).text
        assert text.splitlines()[0] == COLUMNS
        rows = list(csv.DictReader(io.StringIO(text)))
        assert rows
        assert {row["status_code"] for row in rows} == {"200"}
        manifest = httpx.get(f"{address}/loadtest/first/manifest.json", timeout=30).json()
        assert manifest["verdict"]
        for page in ("/loadtest/", "/loadtest/first/report.html"):
            answer = httpx.get(address + page, timeout=30)
            assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")
        assert httpx.get(f"{address}/loadtest/absent/", timeout=30).status_code == 404
        assert httpx.put(f"{address}/loadtest/x", content=b"x", timeout=30).status_code in {403, 405}


def test_a_missed_goal_fails_the_job(cluster: Cluster, release: Release) -> None:
    release.apply(values("second", "max<=0.001"))
    assert exit_code(cluster, "second") == 1
    assert eventually("the Job failed", lambda: cluster.job(NAMESPACE, "-loadtest-").status.failed)
