"""One word, one thing: a class name, a word of the glossary, a section of the contract."""

import ast
import re
from collections import defaultdict
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


def _classes() -> dict[str, list[str]]:
    """Where each class of ``src`` is defined, a leading underscore apart."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(f"{file.relative_to(ROOT)}:{node.lineno}")
    return places


def test_a_class_name_stands_once_in_src() -> None:
    assert {name: where for name, where in _classes().items() if len(where) > 1} == {}


def test_the_glossary_has_each_word_once_and_names_what_exists() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| word ")
    ]
    assert len(rows) > 30, "the table is no longer read"
    words = [row[0] for row in rows]
    assert sorted(words) == sorted(set(words))
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[3])}
    assert named - set(_classes()) == set()


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
