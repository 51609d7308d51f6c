"""Every reference to the contract leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = (
    *(f"{folder}/**/*.py" for folder in ("src", "tests", "bench", "k8s-tests", "scripts")),
    "src/**/*.js",
    "docs/**/*.md",
    "*.md",
)
_REFERENCE = re.compile(r"contract §(\d+(?:\.\d+)?)")
_HEADING = re.compile(r"^#+ (\d+(?:\.\d+)?)\.? ", re.MULTILINE)
_NOWHERE = re.compile(r"\bspec §|\bfirst design\b|\bdesign\.md\b")


def _files() -> list[Path]:
    return sorted({path for pattern in READ for path in ROOT.glob(pattern) if path.is_file()})


def test_a_reference_to_the_contract_resolves() -> None:
    sections = set(_HEADING.findall((ROOT / "docs" / "contract.md").read_text("utf-8")))
    found = {
        (str(file.relative_to(ROOT)), section)
        for file in _files()
        for section in _REFERENCE.findall(file.read_text("utf-8"))
    }
    assert len(found) > 10, "the pattern no longer finds the references"
    assert [(file, section) for file, section in sorted(found) if section not in sections] == []


@pytest.mark.parametrize("file", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in _files()])
def test_no_word_points_to_a_document_that_is_not_here(file: Path) -> None:
    if file != Path(__file__):
        assert _NOWHERE.findall(file.read_text("utf-8")) == []
