"""Whether the files of a finished run are still what its manifest says, and whether its parts still give its
rows.
"""

import hashlib
from pathlib import Path
from typing import Any

from loadtest.judge.judgement import NO_MANIFEST
from loadtest.judge.verdict import Exit
from loadtest.record import merge
from loadtest.record.files import PARTS, RESULTS
from loadtest.report import publish


def verify(folder: Path) -> tuple[list[str], str]:
    """What is wrong with the files, and the verdict that the manifest holds. Nothing is written."""
    manifest = publish.read(folder / publish.MANIFEST)
    if not manifest:
        return [str(NO_MANIFEST)], Exit.INVALID.name.lower()
    hashes: dict[str, str] = manifest["sha256"]
    faults = [fault for name, digest in hashes.items() if (fault := _file(folder / name, digest))]
    faults += [
        f"{path.name}: not in the manifest" for path in sorted(folder.glob(PARTS)) if path.name not in hashes
    ]
    if not faults:
        faults = _rows(folder, manifest)
    return faults, str(manifest["verdict"])


def _file(path: Path, digest: str) -> str:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    return "" if found == digest else f"{path.name}: changed since the run ended"


def _rows(folder: Path, manifest: dict[str, Any]) -> list[str]:
    found = merge.load(folder)
    if merge.table(found) != (folder / RESULTS).read_bytes():
        return [f"{RESULTS}: the parts give other rows"]
    if len(found.ended) != manifest["rows"]:
        return [f"{len(found.ended)} rows, and {manifest['rows']} by the manifest"]
    return []
