"""``chatbot keys``: make and remove API keys; a key is shown once, only its hash is kept."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from chatbot.adapters.key_file import add_entry, read_entries, remove_entry
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
    limit: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Questions under way at once, of all its users.")
    ] = None,
) -> None:
    """Make a key, add its hash to the keys file and print it once; the suite reads the file at its start."""
    key = new_key()
    try:
        entry = KeyEntry(name=name, sha256=digest(key), users=tuple(user or ["*"]), limit=limit)
    except ValidationError:
        raise StartupError("a key's name is 1 to 50 of letters, digits, _ . -") from None
    add_entry(_file(), entry)
    sys.stdout.write(f"{key}\n")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of the key.")]) -> None:
    """Remove a key from the keys file; it is refused from the suite's next start on."""
    remove_entry(_file(), name)


@app.command("list")
def list_keys() -> None:
    """List the keys' names, users and limits."""
    for entry in read_entries(_file()):
        sys.stdout.write(f"{entry.name}\t{', '.join(entry.users)}\t{entry.limit or '-'}\n")
