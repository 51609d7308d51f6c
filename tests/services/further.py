"""The suite with two services more, each by one file in a copy of the package.

``tutor`` is the file that docs/adding-a-service.md shows, ``story`` the module of that name beside this one.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.system.running_suite import ROOT, environment_without_settings

PACKAGE = ROOT / "src" / "chatbot"
_FIRST_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def tutor_file() -> str:
    """The Python file that the document shows."""
    block = _FIRST_BLOCK.search((ROOT / "docs" / "adding-a-service.md").read_text("utf-8"))
    assert block is not None
    return block[1]


FILES = {
    "tutor": tutor_file(),
    "story": Path(__file__).with_name("story.py").read_text("utf-8"),
}
"""The further services' files by their names."""


def copied(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """A folder to import from that holds the package and these services' files beside its own."""
    source = folder / "src"
    shutil.copytree(PACKAGE, source / "chatbot", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files.items():
        (source / "chatbot" / "services" / f"{name}.py").write_text(text, "utf-8")
    return source


def package_files(package: Path) -> dict[str, bytes]:
    """Every file of a package by its path, less what Python itself writes."""
    return {
        str(path.relative_to(package)): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def python(source: Path, code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that imports the copied package, with ``folder`` as its data folder."""
    environment = environment_without_settings() | {
        "PYTHONPATH": f"{source}:{ROOT}",
        "CHATBOT_DATA_DIR": str(folder),
        "COLUMNS": "200",
    }
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def command(source: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a ``chatbot`` command of the copied package."""
    return python(source, "from chatbot.server.cli import main; main()", folder, *arguments)
