"""Puts the results of a run where people and the dashboard find them; the manifest last.

No manifest means that the run did not finish; the dashboard says so aloud.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.dashboard.page import build_page
from loadtest.merge import RESULTS, SIDECAR, place

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
REPORT = "report.html"
IDENTITY = "run.json"
INDEX = "runs.json"
PAGE = "index.html"
FORMAT = 1


def write_json(path: Path, value: object) -> None:
    """Writes readable JSON, whole or not at all."""
    place(path, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def publish(folder: Path, summary: Mapping[str, Any], *, torn: int) -> None:
    """Writes summary.json, report.html and then manifest.json of a run whose rows are merged already."""
    write_json(folder / SUMMARY, summary)
    rows = summary["totals"]["attempts"]
    manifest = {"format": FORMAT, "rows": rows, "torn": torn, "verdict": summary["verdict"]["word"]}
    page = build_page(csv=(folder / RESULTS).read_bytes(), summary=summary, manifest=manifest)
    place(folder / REPORT, page)
    names = [RESULTS, SIDECAR, SUMMARY, REPORT, *(path.name for path in sorted(folder.glob("part-*.jsonl")))]
    manifest["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    write_json(folder / MANIFEST, manifest)
    index(folder.parent)


def index(results: Path) -> None:
    """Lists all runs of a results folder in runs.json, newest first, and puts the dashboard beside it."""
    runs = []
    for path in results.glob(f"*/{IDENTITY}"):
        entry = {"id": path.parent.name, "finished": (path.parent / MANIFEST).exists()}
        identity = read(path)
        entry |= {key: identity.get(key) for key in ("started", "service", "shape", "users")}
        if entry["finished"]:
            entry |= {key: read(path.parent / MANIFEST).get(key) for key in ("rows", "verdict")}
        runs.append(entry)
    runs.sort(key=lambda entry: str(entry["started"]), reverse=True)
    write_json(results / INDEX, {"format": FORMAT, "runs": runs})
    place(results / PAGE, build_page())


def read(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
