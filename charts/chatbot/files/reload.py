"""Runs `chatbot SERVICE` from synced sources, anew when a file changes (skaffold dev only)."""

import os
import pathlib
import signal
import subprocess
import sys
import time

SOURCES = pathlib.Path("/opt/sources")


def stamp():
    return max((path.stat().st_mtime_ns for path in SOURCES.rglob("*") if path.is_file()), default=0)


def start():
    search = f"{SOURCES}:{os.environ['PYTHONPATH']}"
    return subprocess.Popen(["chatbot", sys.argv[1]], env={**os.environ, "PYTHONPATH": search})


def stop(*_):
    child.send_signal(signal.SIGTERM)
    sys.exit(child.wait())


child, seen = start(), stamp()
signal.signal(signal.SIGTERM, stop)
while True:
    time.sleep(0.5)
    if stamp() != seen:
        seen = stamp()
        print(f"sources changed: starting {sys.argv[1]} anew", flush=True)
        child.terminate()
        child.wait()
        child = start()
