"""What `chatbot models list` says of a folder of models."""

import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from chatbot.server.commands.models import app


def test_a_folder_that_nothing_was_downloaded_into_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["list", "--folder", str(tmp_path)])
    assert result.exit_code == 0
    assert "no model was downloaded" in result.output


def test_who_waits_for_a_file_leaves_when_told_to(tmp_path: Path) -> None:
    """A container's first process never gets a signal that it does not handle; -15 would be no handler."""
    program = str(Path(sys.executable).with_name("chatbot"))
    command = [program, "models", "wait", "--file", "x.gguf", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline(), "it says what it waits for"
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(10) == 128 + signal.SIGTERM
