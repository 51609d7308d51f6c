"""The catalogue names tests that exist, and the document shows the catalogue."""

import ast
from itertools import chain

import pytest
from tests.faults.catalogue import ROWS
from tests.faults.reliability_table import document
from tests.system.running_suite import ROOT


def _functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(
    "name",
    sorted(
        set(
            chain.from_iterable(
                [f"tests/{name}" for name in row.tests] + [f"k8s-tests/{name}" for name in row.cluster]
                for row in ROWS
            )
        )
    ),
)
def test_what_the_catalogue_names_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert function in _functions(file)


def test_each_row_is_shown_or_says_why_not() -> None:
    assert all(row.tests or row.cluster or row.missing for row in ROWS)
    assert len({row.fault for row in ROWS}) == len(ROWS)


def test_the_document_holds_the_catalogue() -> None:
    assert document() in (ROOT / "docs" / "reliability.md").read_text(), (
        "write the table anew from tests.faults.reliability_table.document()"
    )
