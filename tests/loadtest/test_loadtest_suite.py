"""A run against the suite's own applications over real sockets; only their model is a stand-in."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.loadtest.test_loadtest_run import ENVIRONMENT, read
from tests.support.fakes import FakeModel, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.service_names import ServiceName
from chatbot.server.gateway import Gateway

NAMES = ("office", "character")
pytestmark = pytest.mark.slow


@pytest.mark.anyio
@pytest.mark.timeout(180)
async def test_the_suite_is_learned_from_what_it_publishes(tmp_path: Path) -> None:
    applications = {name: create_app(service_state(ServiceName(name), FakeModel())) for name in NAMES}
    async with AsyncExitStack() as stack:
        own = [await stack.enter_async_context(serving(app)) for app in applications.values()]
        gateway = await stack.enter_async_context(serving(Gateway(applications)))
        flags = [f"--target={gateway}", f"--results={tmp_path}", "--run-id=one", "--max-lag=10"]
        flags += [f"--counters={address}" for address in own]
        flags += ["--users=4", "--spawn-rate=20", "--duration=3s", "--slo=success>=100"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from loadtest.cli import main; main()", "run", *flags),
            env=ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    summary = read(tmp_path / "one/summary.json")
    assert set(summary["endpoints"]) == {f"/{name}/Llama" for name in NAMES}
    assert set(read(tmp_path / "one/run.json")["models"]) == set(NAMES)
    told = {(one["service"], one["source"]): one["state"] for one in summary["counters"]}
    assert {told[name, "performance"] for name in NAMES} == {"agree"}
