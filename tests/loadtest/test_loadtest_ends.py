"""Every way a run can end before its time: signals, full disks, strange files, readers that leave."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.loadtest import fake_service as fakes
from tests.loadtest.test_loadtest_run import ENVIRONMENT, command, fake, read, run

from loadtest.record.merge import load
from loadtest.record.recorder import Recorder

pytestmark = pytest.mark.slow

__all__ = ["fake"]


@contextmanager
def started(fake: fakes.Fake, results: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A run under way; gone when the block ends."""
    with subprocess.Popen(
        command(fake, results, *flags), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def begun(fake: fakes.Fake, questions: int) -> None:
    """Waits until the server has seen so many questions."""
    deadline = time.monotonic() + 60
    while len(fake.journal) < questions and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(fake.journal) >= questions


@pytest.mark.timeout(180)
def test_a_signal_lets_what_has_begun_finish(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.seconds = 2.0
    with started(fake, tmp_path, "--users=3", "--spawn-rate=20", "--duration=60s") as process:
        begun(fake, 3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "a second signal cuts it off" in output
    assert output.strip().endswith("finished: the run was interrupted"), output
    found = load(tmp_path / "one")
    assert (len(found.ended), found.opened) == (len(fake.journal), [])
    assert all(part.bye for part in found.parts)
    assert read(tmp_path / "one/manifest.json")["verdict"] == "invalid"


@pytest.mark.timeout(180)
def test_a_second_signal_cuts_off_and_keeps_the_account(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.seconds = 30.0
    with started(fake, tmp_path, "--users=3", "--spawn-rate=20", "--duration=60s") as process:
        begun(fake, 3)
        process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "3 attempts have no end" in output
    assert "3 in flight at the end" in output
    assert {start["id"] for start in load(tmp_path / "one").opened} == set(fake.ids())


@pytest.mark.timeout(180)
def test_rising_steps_end_at_the_knee_and_the_run_is_valid(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.places, fake.seconds, fake.serial = 1000, 0.1, True
    steps = "--steps=2,10,30,40,50,60,70,80"
    done = run(fake, tmp_path, "--shape=steps", steps, "--duration=4s", "--spawn-rate=50")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = read(tmp_path / "one/summary.json")
    names = [phase["name"] for phase in summary["phases"]]
    assert "80 users" not in names, "more users brought nothing more, so later steps were left out"
    knee = summary["concurrency"]["knee"]
    assert (knee["of"], knee["reached"], knee["lowest"]) == ("users", True, False)
    assert 10 <= knee["level"] <= 40
    # A busy machine starts the users of a step late, so that a step between may be short, too.
    assert (summary["phases"][0]["whole"], summary["phases"][-1]["whole"]) == (True, False)


def test_a_strange_part_makes_the_run_invalid(fake: fakes.Fake, tmp_path: Path) -> None:
    with started(fake, tmp_path, "--users=2", "--duration=4s") as process:
        begun(fake, 1)
        Recorder(tmp_path / "one").close()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "2 part files of 1 generators" in output


def test_a_name_is_used_once(fake: fakes.Fake, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    done = run(fake, tmp_path)
    assert done.returncode == 64
    assert "two runs never share a folder" in done.stderr
    assert fake.journal == []


def on_small_disk(fake: fakes.Fake, options: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """A run whose results lie on a file system of its own."""
    mount = 'mount -t tmpfs -o $0 none /mnt && shift 0 && exec "$@"'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, options, *command(fake, Path("/mnt/results"), *flags)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def mounts() -> bool:
    tried = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    return shutil.which("unshare") is not None and not subprocess.run(tried, check=False).returncode


needs_mounts = pytest.mark.skipif(not mounts(), reason="no file systems of one's own here")


@needs_mounts
@pytest.mark.timeout(180)
def test_a_disk_that_fills_up_makes_the_run_invalid_in_words(fake: fakes.Fake) -> None:
    # The dashboard takes most of it; what is left holds few records.
    done = on_small_disk(fake, "size=2100k", "--shape=arrivals", "--rate=100", "--duration=20s")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "INVALID RUN" in done.stdout
    assert "could not write its records" in done.stdout
    assert "No space left on device" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert 0 < len(fake.journal) < 2000, "the load ended when it could not be recorded any more"


@needs_mounts
@pytest.mark.parametrize("options", ["ro", "size=4k"])
def test_results_that_cannot_be_written_are_a_sentence(fake: fakes.Fake, options: str) -> None:
    done = on_small_disk(fake, options, "--duration=20s")
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search("could not be written: (Read-only file system|No space left on device)", done.stdout)
    assert "Traceback" not in done.stdout + done.stderr
    assert fake.journal == []


def test_a_reader_that_leaves_does_not_change_the_verdict(fake: fakes.Fake, tmp_path: Path) -> None:
    with started(fake, tmp_path, "--users=2", "--duration=2s") as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(60) == 0
    assert read(tmp_path / "one/manifest.json")["verdict"] == "passed"


def test_interrupted_while_it_waits_for_the_target(fake: fakes.Fake, tmp_path: Path) -> None:
    fake.kv_total = 0
    with started(fake, tmp_path, "--wait=60s") as process:
        assert process.stdout
        assert "still loading" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "interrupted before the load began" in output
    assert list(tmp_path.iterdir()) == []
