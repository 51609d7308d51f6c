"""Starts real locust generators quickly, for tests that kill many: locust is imported once, then forked.

Reads one JSON list of locust arguments a line; answers each with the pid of a child that runs it, and reaps
children.
"""

import json
import os
import sys

import locust  # noqa: F401  (it patches the standard library, which must come first)
from gevent import fork
from locust.main import main

from loadtest.generator import locustfile  # noqa: F401  (loaded here so that children need not)


def nurse() -> None:
    for line in sys.stdin:
        pid = fork()
        if pid == 0:
            sys.argv = ["locust", *json.loads(line)]
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            if "LOADTEST_TEST_LOG" not in os.environ:
                os.dup2(null, 2)
            main()  # type: ignore[no-untyped-call]
            os._exit(0)
        print(pid, flush=True)  # noqa: T201


nurse()
