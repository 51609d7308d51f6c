"""Services are learned from what they publish: any name, any further fields, no change to the load test."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.loadtest import fake_service as fakes
from tests.loadtest.descriptions import TEXT, published, schema
from tests.loadtest.test_loadtest_run import ENVIRONMENT, read, run

from loadtest.client.asking import UnreachableError
from loadtest.client.published import describe, names_of
from loadtest.plan.request import RunRequest
from loadtest.record.merge import load
from loadtest.run.target import counter_addresses

pytestmark = pytest.mark.slow

TUTOR = schema(level={"type": "string", "default": "easy"})
# As the character's service, without a first line and with two more fields that a question must have.
STORY = schema(
    {"character_name": "Mina", "context": "A sailor.", "scene": "A harbour at night.", "chapter": 3},
    character_name=TEXT,
    context=TEXT,
    scene=TEXT,
    chapter={"type": "integer"},
)


@pytest.fixture
def fake() -> Iterator[fakes.Fake]:
    services = {**published(), "tutor": TUTOR, "story": STORY}
    with fakes.running(fakes.Fake(services=services)) as fake:
        yield fake


def bodies(fake: fakes.Fake, service: str) -> list[dict[str, Any]]:
    return [entry["body"] for entry in fake.journal if entry["path"] == f"/{service}/Llama"]


@pytest.mark.timeout(180)
def test_all_that_a_target_serves_is_put_under_load(fake: fakes.Fake, tmp_path: Path) -> None:
    done = run(
        fake, tmp_path, "--shape=arrivals", "--rate=16", "--duration=3s", "--search-share=1", "--processes=2"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = read(tmp_path / "one/summary.json")
    assert summary["endpoints"].keys() == {
        f"/{name}/Llama" for name in ("office", "character", "tutor", "story")
    }
    shares = [
        Counter(ended.attempt.test_type for ended in part.ended) for part in load(tmp_path / "one").parts
    ]
    # Questions take the services in turn and the two processes take the questions in turn, so that each has
    # two of the four services. One process may end before the other, so only within each are they as many.
    assert {frozenset(share) for share in shares} == {
        frozenset({"office", "tutor"}),
        frozenset({"character", "story"}),
    }
    for share in shares:
        assert max(share.values()) - min(share.values()) <= 1, share
    assert {found["service"] for found in summary["counters"]} == {"office", "character", "tutor", "story"}
    assert {found["state"] for found in summary["counters"]} == {"agree"}
    identity = read(tmp_path / "one/run.json")
    assert (identity["service"], set(identity["models"])) == (
        "office, character, tutor, story",
        set(fake.services),
    )
    assert {body["google_access"] for body in bodies(fake, "office")} == {True}
    for service in ("character", "tutor", "story"):
        assert not any("google_access" in body for body in bodies(fake, service))
    played = {body["character_name"]: body for body in bodies(fake, "story")}
    assert "Mina" not in played, "the load test brings characters of its own"
    for body in played.values():
        assert (body["scene"], body["chapter"]) == ("A harbour at night.", 3)
        assert "greeting" not in body
        assert body["context"] != "A sailor."
    assert {ended.attempt.character_name for ended in load(tmp_path / "one").ended} == {
        "",
        *(body["character_name"] for body in bodies(fake, "character") + bodies(fake, "story")),
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("named", ["tutor", "tutor,story", "story tutor"])
def test_named_services_alone_are_put_under_load(fake: fakes.Fake, tmp_path: Path, named: str) -> None:
    done = run(fake, tmp_path, f"--service={named}", "--users=4", "--spawn-rate=20", "--duration=2s")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = set(named.replace(",", " ").split())
    assert {entry["path"].split("/")[1] for entry in fake.journal} == expected
    assert {path.split("/")[1] for path in fake.deleted} == expected
    assert {row.attempt.test_type for row in load(tmp_path / "one").ended} == expected


@pytest.mark.parametrize("word", ["all", "both", "suite"])
def test_words_for_all_services(word: str) -> None:
    assert RunRequest.read({"service": word}).service == ()


def test_a_service_that_is_not_there_is_not_reached(fake: fakes.Fake, tmp_path: Path) -> None:
    done = run(fake, tmp_path, "--service=poet", "--wait=0.2s")
    assert done.returncode == 3
    assert "/poet/performance: status 404" in done.stdout
    assert fake.journal == []


def test_a_target_without_a_list_asks_for_names(tmp_path: Path) -> None:
    with fakes.running(fakes.Fake(services={})) as fake:
        done = run(fake, tmp_path, "--wait=0.2s")
        assert done.returncode == 3
        assert "lists no services; name them with --service" in done.stdout


def test_a_generator_that_cannot_learn_its_services_says_so_and_ends(tmp_path: Path) -> None:
    """Locust alone, against a target that lists nothing."""
    with fakes.running(fakes.Fake(services={})) as fake:
        scenario = Path(__file__).parents[2] / "src/loadtest/generator/locustfile.py"
        flags = [f"--host={fake.url}", f"--run-dir={tmp_path / 'own'}", "--run-time=60s", "--users=2"]
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(scenario), "--headless", *flags],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "lists no services" in done.stderr
    assert "ZeroDivisionError" not in done.stderr
    (part,) = load(tmp_path / "own").parts
    assert part.bye is not None
    assert part.troubles == [f"no load: {fake.url}/: lists no services; name them with --service"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "describes no question at /odd/Llama"),
        ({"properties": {"prompt": TEXT}}, "describes no question at /odd/Llama"),
        ({"properties": [], "required": 5, "examples": {}}, "describes no question at /odd/Llama"),
        (schema(scene=TEXT, mood=TEXT), "the example of a question lacks mood, scene"),
    ],
)
def test_a_description_that_will_not_do_is_a_sentence(schema: dict[str, Any], said: str) -> None:
    with (
        fakes.running(fakes.Fake(services={"odd": schema})) as fake,
        pytest.raises(UnreachableError) as caught,
    ):
        describe(fake.url, "odd")
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    "body", [b"[]", b"<html>", b'{"services": 5}', b'{"services": [5, "a/b", {"name": "x"}]}']
)
def test_lists_of_an_odd_shape_are_no_lists(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakes._Handler, "do_GET", lambda handler: handler._send(404, body, {}))
    with fakes.running(fakes.Fake()) as fake, pytest.raises(UnreachableError):
        names_of(fake.url)


@contextmanager
def beside(fake: fakes.Fake, port: int) -> Iterator[None]:
    """The same process on another port, as the services' own listeners are."""
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (fakes._Handler,), {"fake": fake}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_counters_are_found_beside_a_gateway_of_the_same_process(
    fake: fakes.Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = RunRequest.read({"target": fake.url, "service": "tutor"})
    assert counter_addresses(request) == [fake.url], "nothing listens beside it"
    port = int(fake.url.rpartition(":")[2])
    other = fakes.Fake(services=fake.services)
    other.started = fake.started - 60
    with beside(other, port + 1), beside(fake, port + 2):
        assert counter_addresses(request) == [f"http://127.0.0.1:{port + 2}"], "another suite is not ours"
    named = RunRequest.read({"target": fake.url, "counters": ["http://127.0.0.1:8002/"]})
    assert counter_addresses(named) == ["http://127.0.0.1:8002"]
