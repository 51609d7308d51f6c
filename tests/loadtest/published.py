"""A results folder as a finished run leaves it, and a plain web server in front of it."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.loadtest.test_loadtest_records import ATTEMPT, REFUSAL, record

from loadtest.judge import summary
from loadtest.judge.checks import Check
from loadtest.judge.goals import Judged
from loadtest.judge.judgement import told
from loadtest.judge.reasons import Reason, because
from loadtest.judge.verdict import Exit, Verdict
from loadtest.record import merge
from loadtest.record.recorder import Recorder
from loadtest.report import publish

NAME = "first-run"
FEW = Judged("p99<=9", "undecidable", None, 40, why=because("few_values", n=40, needed=299))


def finished_run(results: Path) -> None:
    """One finished run in `results`, published as the parent process does it."""
    folder = results / NAME
    folder.mkdir()
    recorder = Recorder(folder)
    for index in range(40):
        record(recorder, f"q{index}", *([REFUSAL, ATTEMPT] if index % 4 == 0 else [ATTEMPT]))
    recorder.close()
    found = merge.load(folder)
    merge.write(folder, found)
    identity = {
        "id": NAME,
        "started": "2026-11-24T03:00:00Z",
        "service": "office",
        "shape": "fixed",
        "users": 9,
    }
    publish.write_json(folder / publish.IDENTITY, identity)
    written: dict[str, Any] = {
        "run": identity,
        "verdict": told(Verdict(Exit.MISSED, (Reason("missed", {"value": "1.23457"}, "p50<=1"),))),
        **summary.build(summary.analyse(found), 30),
        "goals": [Judged("p50<=1", "missed", 1.23457, 40).as_dict(), FEW.as_dict()],
        "checks": [Check("records", "ok", (because("rows_whole", rows=50),)).as_dict()],
    }
    publish.publish(folder, written, torn=0)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serves the folder on a free port; yields its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_address[1]}"
        finally:
            httpd.shutdown()
            thread.join()
