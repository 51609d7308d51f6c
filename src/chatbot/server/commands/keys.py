"""``chatbot keys``: make an API key; it is shown once, only its hash is kept."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from chatbot.adapters.key_file import add_entry, read_entries
from chatbot.domain.access import KeyEntry, digest, new_key
from chatbot.domain.errors import StartupError
from chatbot.server.settings import load_settings

app = typer.Typer(no_args_is_help=True)


def _file() -> Path:
    path = load_settings().access.keys_file
    if path is None:
        raise StartupError("set CHATBOT_ACCESS__KEYS_FILE to the file that keeps the hashes")
    return path


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the key in logs and limits.")],
    user: Annotated[
        list[str] | None, typer.Option(help="A user_id that the key owns; may end in *; may be repeated.")
    ] = None,
) -> None:
    """Make a key, add its hash to the keys file and print the key once."""
    key = new_key()
    add_entry(_file(), KeyEntry(name=name, sha256=digest(key), users=tuple(user or ["*"])))
    sys.stdout.write(f"{key}\n")


@app.command("list")
def list_keys() -> None:
    """List the keys' names and users."""
    for entry in read_entries(_file()):
        sys.stdout.write(f"{entry.name}\t{', '.join(entry.users)}\n")
