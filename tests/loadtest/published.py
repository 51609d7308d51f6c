"""A results folder as a finished run leaves it, and a plain web server in front of it."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.loadtest.test_loadtest_records import ATTEMPT, REFUSAL, record

from loadtest import merge, publish, summary
from loadtest.recorder import Recorder

NAME = "first-run"


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
        "verdict": {"exit": 1, "word": "missed", "reasons": ["p50<=1: 1.23457"]},
        **summary.build(summary.analyse(found), 30),
        "goals": [
            {
                "goal": "p50<=1",
                "state": "missed",
                "value": 1.23,
                "n": 40,
                "low": None,
                "high": None,
                "proven": True,
                "why": "",
            }
        ],
        "checks": [{"name": "records", "state": "ok", "detail": "50 rows"}],
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
