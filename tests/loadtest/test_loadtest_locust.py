"""Locust by itself, with its web interface: our flags are there, and what is typed there counts."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.loadtest import fake_service as fakes
from tests.loadtest.descriptions import published, schema
from tests.loadtest.test_loadtest_run import ENVIRONMENT
from tests.support.ports import held_ports

from loadtest.plan.flags import declared
from loadtest.plan.load import LoadPlan
from loadtest.record.merge import load

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "src/loadtest/generator/locustfile.py"


@pytest.fixture
def fake() -> Iterator[fakes.Fake]:
    with fakes.running(fakes.Fake(services={**published(), "tutor": schema()})) as fake:
        yield fake


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def port() -> Iterator[int]:
    with held_ports(1) as (port,):
        yield port


@pytest.mark.timeout(180)
def test_what_is_typed_into_the_web_interface_counts(fake: fakes.Fake, tmp_path: Path, port: int) -> None:
    web = f"http://127.0.0.1:{port}"
    flags = [f"--web-port={port}", "--web-host=127.0.0.1", f"--results={tmp_path}", "--service=character"]
    with subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(SCENARIO), *flags],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            eventually(lambda: reached(web))
            page = httpx.get(web).text
            for one in declared(LoadPlan):
                if not one.flag.at_locust:
                    hidden = one.flag.secret or one.field == "duration"
                    assert (f'"{one.field}": ' in page) != hidden, one.field
            form = {"user_count": "2", "spawn_rate": "10", "host": fake.url, "service": "tutor", "turns": "2"}
            assert httpx.post(f"{web}/swarm", data=form).json()["success"]
            eventually(lambda: len(fake.journal) >= 4)
            assert httpx.post(f"{web}/stop").json()["success"]
            eventually(lambda: all(part.bye for part in load(next(tmp_path.iterdir())).parts))
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert {entry["path"] for entry in fake.journal} == {"/tutor/Llama"}
    rooms = {(entry["body"]["user_id"], entry["body"]["db_id"]) for entry in fake.journal}
    assert len({user for user, _ in rooms}) == 2
    found = load(next(tmp_path.iterdir()))
    assert len(found.ended) == len(fake.journal)
    assert found.opened == []


def reached(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    "odd", ["--arrival-rate=nan", "--client-timeout=inf", "--steps=1,x", "--service=a/b", "--stream-share=2"]
)
def test_odd_flags_are_refused_by_locust_too(odd: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(SCENARIO), "--headless", odd],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert odd.partition("=")[2] in done.stderr.splitlines()[-1]
