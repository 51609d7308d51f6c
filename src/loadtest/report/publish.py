"""Puts the results of a run where people and the dashboard find them; the manifest last.

No manifest means that the run did not finish; the dashboard says so aloud.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.record.files import PARTS, RESULTS, SIDECAR, place
from loadtest.report.dashboard.page import build_page

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
REPORT = "report.html"
IDENTITY = "run.json"
INDEX = "runs.json"
PAGE = "index.html"
FORMAT = 1
_MARKS = (IDENTITY, RESULTS)


def write_json(path: Path, value: object) -> None:
    """Writes readable JSON, whole or not at all."""
    place(path, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def publish(folder: Path, summary: Mapping[str, Any], *, torn: int) -> None:
    """Writes summary.json, report.html and then manifest.json of a run whose rows are merged already."""
    write_json(folder / SUMMARY, summary)
    rows = summary["totals"]["attempts"]
    manifest = {"format": FORMAT, "rows": rows, "torn": torn, "verdict": summary["verdict"]["word"]}
    place(folder / REPORT, _page(folder, manifest))
    names = [IDENTITY, RESULTS, SIDECAR, SUMMARY, REPORT, *(path.name for path in sorted(folder.glob(PARTS)))]
    manifest["sha256"] = {name: _digest(folder / name) for name in names}
    write_json(folder / MANIFEST, manifest)
    index(folder.parent)


def ended(folder: Path, content: str) -> str:
    """How the finished run of this content in the folder ended; "" where there is no such run."""
    if not content or read(folder / IDENTITY).get("content") != content:
        return ""
    return str(read(folder / MANIFEST).get("verdict", ""))


def renew_page(folder: Path) -> None:
    """Makes report.html of a finished run again, with the page as it is now; the other hashes stay."""
    manifest = read(folder / MANIFEST)
    place(folder / REPORT, _page(folder, manifest))
    manifest["sha256"][REPORT] = _digest(folder / REPORT)
    write_json(folder / MANIFEST, manifest)


def page_of(folder: Path) -> bytes:
    """The page with the files of a run inside."""
    return _page(folder, read(folder / MANIFEST))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _page(folder: Path, manifest: Mapping[str, Any]) -> bytes:
    return build_page(
        csv=(folder / RESULTS).read_bytes(),
        summary=read(folder / SUMMARY) or None,
        manifest={key: value for key, value in manifest.items() if key != "sha256"} or None,
    )


def index(results: Path) -> None:
    """Lists all runs of a results folder in runs.json, newest first, and puts the dashboard beside it.

    A run without a manifest is listed as unfinished: it goes on, or it was cut off.
    """
    runs = [
        _entry(folder) for folder in {path.parent for name in _MARKS for path in results.glob(f"*/{name}")}
    ]
    runs.sort(key=lambda entry: (str(entry["started"]), entry["id"]), reverse=True)
    write_json(results / INDEX, {"format": FORMAT, "runs": runs})
    page = build_page()
    if not (results / PAGE).exists() or (results / PAGE).read_bytes() != page:
        place(results / PAGE, page)


def _entry(folder: Path) -> dict[str, Any]:
    identity, manifest = read(folder / IDENTITY), read(folder / MANIFEST)
    entry: dict[str, Any] = {"id": folder.name, "finished": bool(manifest), "supervised": bool(identity)}
    entry |= {key: identity.get(key) for key in ("started", "service", "shape", "users")}
    if manifest:
        entry |= {key: manifest.get(key) for key in ("rows", "verdict")}
    return entry


def read(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
