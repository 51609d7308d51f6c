"""Drives real clients of OpenAI's format through a started suite and prints a table: client by operation.

usage: python -m clients.table PYTHON [--node NODE_FOLDER] [--only NAME]

PYTHON is that of the environment with the clients, NODE_FOLDER holds the AI SDK's packages; ``./taskw
clients`` gives both. Ends with 1 where an operation failed that is not listed here as the client's own fault.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.suite import machine, started
from clients import told

_ROOT = Path(__file__).parents[1]
_NOT_OURS: dict[tuple[str, str], str] = {}
"""Failures that no server could prevent, by client and operation, with the reason."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client and the program that drives it."""

    name: str
    driver: str
    """A module of Python, or a program for node."""
    service: str = "office"


CLIENTS = (
    Client("openai", "clients.with_openai"),
    Client("langchain-openai", "clients.with_langchain"),
    Client("pydantic-ai", "clients.with_pydantic_ai"),
    Client("instructor", "clients.with_instructor"),
    Client("AI SDK", "clients/ai_sdk/with_ai_sdk.mjs"),
    Client("Open WebUI (recorded)", "clients.as_open_webui"),
    Client("SillyTavern (recorded)", "clients.as_silly_tavern", "character"),
)


def drive(client: Client, base: str, python: str, node: Path | None) -> dict[str, dict[str, str]]:
    """What came of each operation of one client; said as it comes, too."""
    command: list[str | Path] = [python, "-m", client.driver, base]
    folder = _ROOT
    if client.driver.endswith(".mjs"):
        if node is None:
            return {name: {"outcome": "absent", "detail": "no node here"} for name in told.OPERATIONS}
        # Node looks for packages beside the program that imports them.
        driver = shutil.copy(_ROOT / client.driver, node)
        command, folder = ["node", str(driver), base, json.dumps(_facts())], node
    came: dict[str, dict[str, str]] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as running:
        assert running.stdout is not None  # noqa: S101 (it is a pipe)
        for line in running.stdout:
            one = json.loads(line)
            print(f"{client.name}, {one['operation']}: {one['outcome']}", file=sys.stderr, flush=True)
            came[one.pop("operation")] = one
    died = {"outcome": "failed", "detail": f"the driver ended with code {running.returncode}"}
    return {name: came.get(name, died) for name in told.OPERATIONS}


def _facts() -> dict[str, object]:
    """What told.py has, for a driver in another language."""
    return {
        "operations": told.OPERATIONS,
        "schema": told.SCHEMA,
        "question": told.QUESTION,
        "endless": told.ENDLESS,
        "turns": [told.turn_of(number) for number in range(1, told.TURNS + 1)],
    }


def main(options: argparse.Namespace) -> int:
    """Drive all clients; the exit code."""
    rows: dict[str, dict[str, dict[str, str]]] = {}
    with started() as suite:
        for client in CLIENTS:
            if options.only in (None, client.name):
                base = f"{suite.gateway}/{client.service}/v1"
                rows[client.name] = drive(client, base, options.python, options.node)
    print("| client | " + " | ".join(told.OPERATIONS) + " |\n" + "|---" * (1 + len(told.OPERATIONS)) + "|")
    for name, row in rows.items():
        cells = ("–" if cell["outcome"] == "absent" else cell["outcome"] for cell in row.values())
        print(f"| {name} | " + " | ".join(cells) + " |")
    print()
    ours = 0
    for name, row in rows.items():
        for operation, cell in row.items():
            if cell["detail"]:
                print(f"- {name}, {operation}: {cell['outcome']}: {cell['detail']}")
            if cell["outcome"] == "failed":
                ours += (name, operation) not in _NOT_OURS
    print(f"\n{ours} failures that are ours\n{machine()}")
    return 1 if ours else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("python", help="Python of the environment with the clients")
    parser.add_argument("--node", type=Path, help="folder with the AI SDK in node_modules")
    parser.add_argument("--only", help="one client's name")
    sys.exit(main(parser.parse_args()))
