"""One source of the version: the package says it, everything else follows."""

from pathlib import Path

import pytest
import yaml

from chatbot import __version__

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("field", ["version", "appVersion"])
def test_the_chart_has_the_version_of_the_package(field: str) -> None:
    chart = yaml.safe_load((ROOT / "charts" / "chatbot" / "Chart.yaml").read_text("utf-8"))
    assert str(chart[field]) == __version__


def test_the_package_takes_its_version_from_the_module() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'dynamic = ["version"]' in project
    assert f'version = "{__version__}"' not in project


def test_the_changes_begin_with_the_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert changes.partition("## ")[2].startswith(f"{__version__} ")
