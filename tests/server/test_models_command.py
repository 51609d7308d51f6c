"""What `chatbot models list` says of a folder of models."""

from pathlib import Path

from typer.testing import CliRunner

from chatbot.server.commands.models import app


def test_a_folder_that_nothing_was_downloaded_into_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["list", "--folder", str(tmp_path)])
    assert result.exit_code == 0
    assert "no model was downloaded" in result.output
