"""Every example renders to the text that was reviewed: `./taskw k8s:golden` writes the files anew."""

from pathlib import Path

import pytest
from tests.chart.rendering import EXAMPLES, NOTES, example, templates

GOLDEN = Path(__file__).parent / "golden"
NAMES = ["defaults", *(path.stem for path in EXAMPLES)]


def rendered(name: str) -> str:
    parts = templates({} if name == "defaults" else example(name))
    ordered = [path for path in parts if path != NOTES] + [NOTES]
    return "".join(f"---\n# {path.removeprefix('chatbot/')}\n{parts[path].strip()}\n" for path in ordered)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_renders_as_reviewed(name: str) -> None:
    assert rendered(name) == (GOLDEN / f"{name}.yaml").read_text(), "review, then ./taskw k8s:golden"


def test_no_golden_file_is_left_over() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == sorted(NAMES)
