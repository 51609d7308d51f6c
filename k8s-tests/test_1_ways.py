"""Three ways in, one behaviour: what the service says itself, the suite's 404 page, streams as they come."""

from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from chatbot.api.notfound import not_found
from k8s_support.cluster import Cluster, eventually
from k8s_support.release import SUITE_NAMESPACE, Release
from k8s_support.web import QUESTION, Stream, ask, forward, get

NAMESPACE = SUITE_NAMESPACE
NO_ROOM = "00000000-0000-4000-8000-000000000000"
PORTS = {"office": 8002, "character": 8003}
KEPT = ("content-type", "allow", "content-language", "x-model", "retry-after", "cache-control", "vary")


@pytest.fixture(params=["gateway", "ingress", "route"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A way in: its address and the Host that leads to this release."""
    if request.param == "gateway":
        return request.getfixturevalue("gateway"), "gateway.test"
    return request.getfixturevalue("controller"), f"{request.param}.test"


def answers(address: str, host: str, service: str) -> dict[str, tuple[int, dict[str, str], Any]]:
    """The same requests on one way: status, headers that mean something, body where it is always the same."""
    path, question = f"/{service}/Llama", QUESTION[service]
    with httpx.Client(base_url=address, headers={"Host": host}, timeout=180) as http:
        said = {
            "an answer": http.post(path, json=question),
            "an answer in English": http.post(path, json=question, headers={"Accept-Language": "en"}),
            "nothing asked": http.post(path, json={"input_data": ""}),
            "a wrong field": http.post(path, json={**question, "user_id": "no spaces"}),
            "no JSON": http.post(path, content=b"{", headers={"Content-Type": "application/json"}),
            "another method": http.put(path, json=question),
            "an unknown model": http.post(f"/{service}/nothing", json=question),
            "OpenAI without a key": http.post(f"/{service}/gpt4.1_mini", json=question),
            "an unknown path": http.get(f"/{service}/no/such/path"),
            "a path of the host": http.get(f"/{service}/metrics"),
            "the API's page": http.get(f"/{service}/docs"),
            "the chat page": http.get(f"/{service}/", headers={"Accept": "text/html"}),
            "no such room": http.get(f"/{service}/rooms/{NO_ROOM}", params={"user_id": "nobody"}),
        }
    return {
        name: (
            answer.status_code,
            {key: answer.headers[key] for key in KEPT if key in answer.headers},
            bool(answer.json())
            if answer.status_code == 200 and "json" in answer.headers["content-type"]
            else answer.text,
        )
        for name, answer in said.items()
    }


@pytest.mark.parametrize("service", PORTS)
def test_every_way_gives_the_services_own_answers(
    suite: Release, gateway: str, controller: str, service: str
) -> None:
    with forward(NAMESPACE, f"service/{suite.object(service)}", PORTS[service]) as direct:
        own = answers(direct, "service.test", service)
    assert own["an answer"][0] == 200
    assert own["an answer"][1]["x-model"] == "gemma-3-270m"
    assert {name: status for name, (status, _, _) in own.items() if status != 200} == {
        "nothing asked": 422,
        "a wrong field": 422,
        "no JSON": 400,
        "another method": 405,
        "an unknown model": 400,
        "OpenAI without a key": 503,
        "an unknown path": 404,
        "a path of the host": 404,
        "no such room": 404,
    }
    assert answers(gateway, "gateway.test", service) == own
    assert answers(controller, "ingress.test", service) == own
    assert answers(controller, "route.test", service) == own


def test_the_service_says_itself_what_is_too_much(way: tuple[str, str], suite: Release) -> None:
    address, host = way
    body = {"input_data": "x" * 70_000}
    answer = httpx.post(f"{address}/office/Llama", json=body, headers={"Host": host}, timeout=30)
    assert answer.status_code == 413
    assert "64 KiB" in answer.json()["detail"]


def test_streams_flow_on_every_way(way: tuple[str, str], suite: Release) -> None:
    address, host = way
    headers = {"Host": host, "Accept": "text/event-stream"}
    names = []
    with httpx.stream(
        "POST", f"{address}/office/Llama", json=QUESTION["office"], headers=headers, timeout=180
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        names = [line.split(":")[1].strip() for line in answer.iter_lines() if line.startswith("event:")]
    assert names.count("token") > 1
    assert names[-1] == "done"


def test_an_answer_streams_through_the_gateway_unbuffered(suite: Release, gateway: str) -> None:
    stream = Stream(gateway).start().join()
    times = [when for when, name, _ in stream.events if name == "token"]
    assert stream.last == "done"
    assert times[-1] - times[0] > 0.05


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


@pytest.mark.parametrize(
    ("accept", "language"),
    [("text/html", "ko"), ("text/html", "en"), ("application/json", "ko"), ("application/json", "en")],
)
def test_the_404_is_byte_for_byte_that_of_one_machine(gateway: str, accept: str, language: str) -> None:
    headers = {"Accept": accept, "Accept-Language": language}
    ours = not_found(Headers(headers), ["office", "character"])
    assert httpx.get(f"{gateway}/nowhere", headers=headers, timeout=30).content == ours.body


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
