"""Each vendor library has one home, and nothing is opened by importing; the layers are import-linter's."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "chatbot"
HOMES = {
    "aiosqlite": "adapters/history/sqlite.py",
    "bson": "adapters/history/mongo.py",
    "motor": "adapters/history/mongo.py",
    "pymongo": "adapters/history/mongo.py",
    "gguf": "adapters/gguf_facts.py",
    "huggingface_hub": "adapters/hub.py",
    "httpx": "adapters/search/",
    "httpcore": "balancing/",
    "prometheus_client": "adapters/prometheus.py",
    "jinja2": "llm/llama/jinja_format.py",
    "llama_cpp": "llm/llama/",
    "numpy": "llm/llama/",
    "openai": "llm/openai/vendor.py",
    "fastapi": "api/",
    "typer": "server/",
    "h11": "server/",
    "uvicorn": "server/",
    "uvloop": "server/",
}


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.fixture(scope="module")
def users() -> dict[str, set[str]]:
    """The files that import each library."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for name in _imports(file):
            found.setdefault(name, set()).add(file.relative_to(PACKAGE).as_posix())
    return found


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_its_home_and_nowhere_else(library: str, users: dict[str, set[str]]) -> None:
    places = users.get(library, set())
    assert places, f"nobody imports {library} any more: take it from this table and the requirements"
    assert [place for place in places if not place.startswith(HOMES[library])] == []


def test_packages_are_opened_by_wiring_and_not_by_being_imported() -> None:
    """No module of the suite runs a call at import that opens a file, a socket or a thread."""
    opening = {"open", "connect", "Thread", "create_connection", "load_settings", "Settings"}
    for file in PACKAGE.rglob("*.py"):
        for statement in ast.parse(file.read_text("utf-8")).body:
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
                called = {
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Call)
                }
                assert not called & opening, f"{file.name}:{statement.lineno}"


def test_foreign_text_is_normalised_where_a_row_of_marks_is_bounded() -> None:
    """Unicode's own functions take the square of the marks in a row, which a stranger chooses."""
    users = {file for file in PACKAGE.rglob("*.py") if re.search(r"\bnormalize\(", file.read_text("utf-8"))}
    assert users == {PACKAGE / "domain" / "plaintext.py"}


def test_a_server_starts_without_what_only_command_lines_need() -> None:
    """They make every start a tenth of a second longer and come with libraries that serve without them."""
    seen = (
        "import sys, chatbot.server.cli, chatbot.server.run; print(*{'rich', 'pygments'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
