"""``chatbot settings``: every variable, its default and what it means; the source of ``.env.example``."""

import sys
from typing import Annotated

import typer

from chatbot.server.settings import documented_variables, load_settings

_HEAD = (
    "# Settings of the chatbot suite. Copy to .env and change what you need;\n"
    "# every value here is the default. Made by `chatbot settings --example`.\n"
)


def example() -> str:
    """The text of ``.env.example``."""
    blocks = [f"# {description}\n# {name}={value}\n" for name, value, description in documented_variables()]
    return "\n".join([_HEAD, *blocks])


def settings(
    example_file: Annotated[bool, typer.Option("--example", help="Print the text of .env.example.")] = False,
) -> None:
    """Check the settings and list every variable with its default and meaning."""
    if example_file:
        sys.stdout.write(example())
        return
    load_settings()
    for name, value, description in documented_variables():
        sys.stdout.write(f"{name}={value}\n    {description}\n")
