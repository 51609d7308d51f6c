"""The defaults render to the text that was reviewed; what examples change is held by test_examples."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from tests.chart.rendering import whole

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "defaults.yaml"


def test_the_defaults_render_as_reviewed() -> None:
    assert whole() == GOLDEN.read_text(), "review with ./taskw k8s:diff, then ./taskw k8s:golden"


@pytest.mark.slow
def test_the_difference_to_a_commit_is_shown_for_each_example_that_it_touches(tmp_path: Path) -> None:
    for part in ("charts/chatbot", "scripts", "tests/chart"):
        shutil.copytree(ROOT / part, tmp_path / part)
    run = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True, text=True)
    run(["git", "init", "-q"])
    run(["git", "add", "-A"])
    run(["git", "-c", "user.name=x", "-c", "user.email=x@y.z", "commit", "-qm", "former"])
    values = tmp_path / "charts/chatbot/values.yaml"
    values.write_text(values.read_text().replace("port: 8002", "port: 8012"))
    (tmp_path / "charts/chatbot/examples/kind.yaml").unlink()
    shown = run([sys.executable, "scripts/k8s-diff.py"]).stdout
    assert "--- defaults (HEAD)\n+++ defaults (working tree)\n" in shown
    port = '         - name: CHATBOT_OFFICE__PORT\n-          value: "8002"\n+          value: "8012"\n'
    assert port in shown
    # What only one of the two charts has is shown whole.
    assert shown.split("--- kind (HEAD)")[1].split("--- ")[0].count("\n-") > 500
    assert shown.endswith("unchanged: none\n")
