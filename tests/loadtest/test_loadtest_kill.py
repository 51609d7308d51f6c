"""SIGKILL at random moments: every request that the server saw has its row or its open start, always.

The generator is the real one (locust, scenario, recorder), the journal is the server's own.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.loadtest import fake_service as fakes

from loadtest.record import merge
from loadtest.record.files import RESULTS, SIDECAR
from loadtest.record.reading import read_file
from loadtest.record.rows import COLUMNS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCENARIO = ROOT / "src/loadtest/generator/locustfile.py"
OUTCOMES = {200: "successful", 429: "refused"}
KILLS = int(os.environ.get("LOADTEST_KILLS", "20"))
pytestmark = pytest.mark.slow


class Nursery:
    """Forks generators from a process that has locust loaded."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "generator_nursery.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            text=True,
        )

    def bear(self, *arguments: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    found = Nursery()
    yield found
    found.close()


def kill_at_random(nursery: Nursery, fake: fakes.Fake, folder: Path, dice: random.Random) -> None:
    """Lets a generator work for a random while and kills it."""
    folder.mkdir()
    before = len(fake.journal)
    pid = nursery.bear(
        *("-f", str(SCENARIO), "--headless", "--only-summary", f"--host={fake.url}", f"--run-dir={folder}"),
        *("--shape=arrivals", "--arrival-rate=150", "--run-time=30s", f"--seed={dice.randrange(10**6)}"),
    )
    try:
        deadline = time.monotonic() + 20
        while len(fake.journal) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(dice.uniform(0.0, 0.6))
    finally:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(60 + 6 * KILLS)
def test_no_kill_loses_doubles_or_tears_an_attempt(nursery: Nursery, tmp_path: Path) -> None:
    dice = random.Random(os.environ.get("LOADTEST_KILL_SEED", "6"))
    fake = fakes.Fake(seconds=0.03, places=6, retry_after=0.2)
    folders = [tmp_path / f"run-{kill}" for kill in range(KILLS)]
    with fakes.running(fake):
        for folder in folders:
            kill_at_random(nursery, fake, folder, dice)
            time.sleep(0.1)
    journal = Counter(entry["id"] for entry in fake.journal)
    assert set(journal.values()) == {1}, "the server saw a request twice"
    outcomes = {entry["id"]: entry.get("outcome") for entry in fake.journal}
    recorded: Counter[str] = Counter()
    in_flight = 0
    for folder in folders:
        found = merge.load(folder)
        merge.write(folder, found)
        table = read_file(folder / RESULTS)
        assert (folder / RESULTS).read_text().splitlines()[0] == ",".join(COLUMNS)
        assert table.attempts == found.attempts, "the CSV holds exactly the merged rows"
        assert (table.bad_rows, found.doubled) == (0, 0)
        assert all(part.bye is None and part.gaps == 0 and part.orphans == 0 for part in found.parts)
        # A write that the kill cut can only be the very last line, and is never taken for a row.
        assert all(part.torn <= 1 for part in found.parts)
        recorded.update(ended.attempt_id for ended in found.ended)
        recorded.update(start["id"] for start in found.opened)
        in_flight += len(found.opened)
        first = (folder / RESULTS).read_bytes(), (folder / SIDECAR).read_bytes()
        merge.write(folder, merge.load(folder))
        assert first == ((folder / RESULTS).read_bytes(), (folder / SIDECAR).read_bytes())
        for ended in found.ended:
            assert OUTCOMES[ended.attempt.status_code] == outcomes[ended.attempt_id]
    assert max(recorded.values()) == 1
    assert set(journal) <= set(recorded), "a request without row or open start"
    # Starts that the server did not see were killed between the record and the send.
    assert len(set(recorded) - set(journal)) <= in_flight
    assert len(journal) > 10 * KILLS, "too little happened to mean anything"
    assert in_flight > 0, "no kill hit an attempt in flight"
