"""What the chart holds of other files is made from them, and every value has its sentence."""

import re
import runpy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "k8s-readme.py"))


def test_the_readme_is_current() -> None:
    assert (ROOT / "charts/chatbot/README.md").read_text() == SCRIPT["readme"](), "run ./taskw k8s:readme"


def test_the_services_titles_are_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "k8s-titles.py"))
    assert script["TITLES"].read_text(encoding="utf-8") == script["titles"](), "run ./taskw k8s:titles"


def test_every_value_has_a_sentence() -> None:
    text = (ROOT / "charts/chatbot/values.yaml").read_text()
    told = {path for path, _, _ in SCRIPT["rows"](text)}

    def leaves(node: Any, path: str) -> list[str]:
        if path in told or not isinstance(node, dict) or not node:
            return [path]
        return [leaf for key, value in node.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]

    # Siblings of one image share the sentence of its repository.
    shared = re.compile(r"\.image\.(tag|digest)$|^models\.catalogue\.darkidol")
    assert [
        leaf for leaf in leaves(yaml.safe_load(text), "") if leaf not in told and not shared.search(leaf)
    ] == []
