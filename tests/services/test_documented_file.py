"""The file that docs/adding-a-service.md shows is one that a newcomer can paste and commit."""

import subprocess
import sys
from pathlib import Path

from tests.services.further import tutor_file
from tests.system.running_suite import ROOT


def test_the_file_that_the_document_shows_passes_the_linter_as_it_is_pasted() -> None:
    """By the rules of the place where it goes: a Korean syllable is two columns wide."""
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--quiet"]
    checked = subprocess.run(
        [*command, "--stdin-filename", "src/chatbot/services/tutor.py", "-"],
        input=tutor_file(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
