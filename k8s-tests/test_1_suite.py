"""One release with both cards: placement, answers on every way in, pages, policies, helm test."""

import json
from typing import Any

import httpx
import pytest

from k8s_support.cluster import Cluster, eventually
from k8s_support.release import HUB_NAMESPACE, Release
from k8s_support.web import Stream, ask

NAMESPACE = "chatbot-tests-suite"
CARDS = {
    "office": ("node-2080", "NVIDIA-GeForce-RTX-2080"),
    "character": ("node-3060", "NVIDIA-GeForce-RTX-3060"),
}


@pytest.fixture(params=["gateway", "ingress", "route"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A way in: its address and the Host that leads to this release."""
    if request.param == "gateway":
        return request.getfixturevalue("gateway"), "gateway.test"
    return request.getfixturevalue("controller"), f"{request.param}.test"


def get(way: tuple[str, str], path: str, accept: str = "application/json", **headers: str) -> httpx.Response:
    address, host = way
    return httpx.get(f"{address}{path}", headers={"Host": host, "Accept": accept, **headers}, timeout=60)


@pytest.mark.parametrize("service", CARDS)
def test_each_service_runs_on_the_node_of_its_card(cluster: Cluster, suite: Release, service: str) -> None:
    pod = cluster.ready_pod(NAMESPACE, service)
    node, product = CARDS[service]
    labels = cluster.core.read_node(pod.spec.node_name).metadata.labels
    assert labels["nvidia.com/gpu.product"] == product
    assert pod.spec.node_name == node
    assert pod.spec.containers[0].resources.limits["nvidia.com/gpu"] == "1"
    devices = cluster.run(NAMESPACE, pod.metadata.name, "printenv", "NVIDIA_VISIBLE_DEVICES").strip()
    assert len(devices.split(",")) == 1
    assert devices


def test_a_second_pod_of_a_card_stays_pending_and_says_why(cluster: Cluster, suite: Release) -> None:
    name = suite.object("office")
    cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 2}})
    try:

        def reason() -> str:
            pending = [pod for pod in cluster.pods(NAMESPACE, "office") if pod.status.phase == "Pending"]
            conditions = [found for pod in pending for found in pod.status.conditions or []]
            return next((found.message or "" for found in conditions if found.reason == "Unschedulable"), "")

        message = eventually("the second pod is unschedulable", reason, 60)
        assert "Insufficient nvidia.com/gpu" in message
        assert "node affinity" in message
    finally:
        cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 1}})
        eventually("one pod is left", lambda: len(cluster.pods(NAMESPACE, "office")) == 1, 60)


@pytest.mark.parametrize("service", CARDS)
def test_the_same_answers_on_every_way(way: tuple[str, str], suite: Release, service: str) -> None:
    address, host = way
    with httpx.Client(base_url=address, headers={"Host": host}, timeout=180) as http:
        from k8s_support.web import QUESTION

        answer = http.post(f"/{service}/Llama", json=QUESTION[service])
        assert answer.status_code == 200
        assert isinstance(answer.json(), str)
        assert answer.headers["x-model"] == "gemma-3-270m"
        refused = http.post(f"/{service}/Llama", json={"input_data": ""})
        assert refused.status_code == 422
        assert refused.headers["content-type"].startswith("application/json")
        assert http.post(f"/{service}/nothing", json=QUESTION[service]).status_code == 400
        large = http.post(f"/{service}/Llama", json={"input_data": "x" * 70_000})
        assert large.status_code == 413
        assert "64 KiB" in large.json()["detail"]
        assert http.get(f"/{service}/performance").json()["service_type"] == service
        assert http.get(f"/{service}/docs").status_code == 200
        own = http.get(f"/{service}/no/such/path")
        assert (own.status_code, own.headers["content-type"]) == (404, "application/json")


def test_streams_flow_on_every_way(way: tuple[str, str], suite: Release) -> None:
    address, host = way
    from k8s_support.web import QUESTION

    headers = {"Host": host, "Accept": "text/event-stream"}
    names = []
    with httpx.stream(
        "POST", f"{address}/office/Llama", json=QUESTION["office"], headers=headers, timeout=180
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        names = [line.split(":")[1].strip() for line in answer.iter_lines() if line.startswith("event:")]
    assert names.count("token") > 1
    assert names[-1] == "done"


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/officers", "/metrics", "/healthz", "/readyz", "/office2/docs"]
)
def test_what_no_route_takes_is_the_suites_own_404(way: tuple[str, str], suite: Release, path: str) -> None:
    page = get(way, path, "text/html")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    for part in ("찾을 수 없는 주소", "/office/docs", "/character/docs"):
        assert part in page.text
    answer = get(way, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/json")
    assert "endpoints" in answer.json()
    english = get(way, path, **{"Accept-Language": "en-GB"})
    assert english.json()["detail"] != answer.json()["detail"]


def test_the_release_tests_itself(suite: Release) -> None:
    said = suite("test", "chat", "--logs", "--timeout", "5m")
    assert "Succeeded" in said
    assert "FAIL" not in said
    for line in ("ok   office answers", "ok   character answers", "ok   an unknown path is 404 as a page"):
        assert line in said


def test_what_must_flow_flows_and_everything_else_is_dropped(cluster: Cluster, suite: Release) -> None:
    office = cluster.ready_pod(NAMESPACE, "office").metadata.name
    names = {part: suite.object(part) for part in ("history", "gateway", "character")}
    assert cluster.reaches(NAMESPACE, office, names["history"], 27017)
    assert not cluster.reaches(NAMESPACE, office, names["character"], 8003)
    assert not cluster.reaches(NAMESPACE, office, names["gateway"], 8001)
    assert not cluster.reaches(NAMESPACE, office, f"hub.{HUB_NAMESPACE}", 8080)
    assert not cluster.reaches(NAMESPACE, office, "kubernetes.default", 443)

    image = cluster.ready_pod(NAMESPACE, "office").spec.containers[0].image
    cluster.core.create_namespaced_pod(NAMESPACE, intruder(image))
    try:
        eventually(
            "the intruder runs",
            lambda: cluster.core.read_namespaced_pod("intruder", NAMESPACE).status.phase == "Running",
        )
        for part, port in (("office", 8002), ("character", 8003), ("gateway", 8001), ("history", 27017)):
            assert not cluster.reaches(NAMESPACE, "intruder", suite.object(part), port), part
        # It has no policy of its own, so what keeps it out is the services': the hub, without one, answers.
        assert cluster.reaches(NAMESPACE, "intruder", f"hub.{HUB_NAMESPACE}", 8080)
    finally:
        cluster.core.delete_namespaced_pod("intruder", NAMESPACE, grace_period_seconds=0)


def intruder(image: str) -> dict[str, Any]:
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "shell", "image": image, "command": ["sleep", "300"], "securityContext": restricted}
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "metadata": {"name": "intruder"},
        "spec": {"securityContext": security, "containers": [container]},
    }


def test_pods_cannot_write_their_image_and_hold_no_token(cluster: Cluster, suite: Release) -> None:
    office = cluster.ready_pod(NAMESPACE, "office").metadata.name
    assert "Read-only file system" in cluster.run(NAMESPACE, office, "sh", "-c", "touch /opt/x; id -u")
    assert "Read-only file system" in cluster.run(NAMESPACE, office, "touch", "/opt/python-libs/x")
    assert "Read-only file system" in cluster.run(NAMESPACE, office, "touch", "/models/x")
    assert "No such file" in cluster.run(NAMESPACE, office, "ls", "/var/run/secrets/kubernetes.io")
    assert cluster.run(NAMESPACE, office, "id", "-u").strip() == "10001"


def test_history_survives_the_death_of_service_and_database(
    cluster: Cluster, suite: Release, gateway: str
) -> None:
    first = ask(gateway, "office", user_id="survivor", input_data="My name is Mina.")
    room = first.headers["x-db-id"]
    assert first.headers["x-history"] == "database"
    for component in ("office", "history"):
        pod = cluster.ready_pod(NAMESPACE, component).metadata
        cluster.core.delete_namespaced_pod(pod.name, NAMESPACE, grace_period_seconds=0)

        def replaced(uid: str = pod.uid, part: str = component) -> bool:
            return uid not in [found.metadata.uid for found in cluster.pods(NAMESPACE, part)]

        eventually(f"{component} is another pod", replaced)
        cluster.ready_pod(NAMESPACE, component)

    def turns() -> Any:
        answer = httpx.get(f"{gateway}/office/rooms/{room}", params={"user_id": "survivor"}, timeout=30)
        return answer.json() if answer.status_code == 200 else None

    found = eventually("the room can be read again", turns, 60)
    assert "My name is Mina." in json.dumps(found, ensure_ascii=False)
    assert json.dumps(first.json(), ensure_ascii=False) in json.dumps(found, ensure_ascii=False)


def test_a_dead_service_is_503_and_its_neighbour_answers(
    cluster: Cluster, suite: Release, gateway: str, controller: str
) -> None:
    name = suite.object("office")
    cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 0}})
    try:
        eventually("no office pod is left", lambda: not cluster.pods(NAMESPACE, "office"), 240)
        for way in ((gateway, "gateway.test"), (controller, "ingress.test")):

            def outage(way: tuple[str, str] = way) -> httpx.Response | None:
                answer = get(way, "/office/docs")
                return answer if "retry-after" in answer.headers else None

            answer = eventually(f"{way[1]} tells of the outage", outage, 30)
            assert answer.status_code == 503
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.json()["retry_after"] == int(answer.headers["retry-after"])
            page = get(way, "/office/rooms", "text/html")
            assert page.status_code == 503
            assert page.headers["content-type"].startswith("text/html")
            assert "지금은 답할 수 없습니다" in page.text
        assert get((controller, "route.test"), "/office/docs").status_code in {500, 503}
        assert ask(gateway, "character").status_code == 200
    finally:
        cluster.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 1}})
        cluster.ready_pod(NAMESPACE, "office")


def test_an_answer_streams_through_the_gateway_unbuffered(suite: Release, gateway: str) -> None:
    stream = Stream(gateway).start().join()
    times = [when for when, name, _ in stream.events if name == "token"]
    assert stream.last == "done"
    assert times[-1] - times[0] > 0.05
