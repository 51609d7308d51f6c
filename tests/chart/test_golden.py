"""The defaults render to the text that was reviewed; what examples change is held by test_examples."""

from pathlib import Path

from tests.chart.rendering import whole

GOLDEN = Path(__file__).parent / "golden" / "defaults.yaml"


def test_the_defaults_render_as_reviewed() -> None:
    assert whole() == GOLDEN.read_text(), "review with ./taskw k8s:diff, then ./taskw k8s:golden"
