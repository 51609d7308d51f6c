"""``chatbot keys``: make and remove API keys; a key is shown once, only its hash is kept."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from chatbot.adapters.key_file import add_entry, last_uses, read_entries, remove_entry
from chatbot.domain.access import KeyEntry, digest, new_key, today
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
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which the key is good, UTC.")
    ] = None,
) -> None:
    """Make a key, add its hash to the keys file and print it once; a running suite takes it in seconds."""
    key = new_key()
    last_day = None if expires is None else expires.date()
    try:
        entry = KeyEntry(
            name=name, sha256=digest(key), users=tuple(user or ["*"]), limit=limit, expires=last_day
        )
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors()}
        sentence = "a key's name is 1 to 50 of letters, digits, _ . -"
        if "name" not in wrong:
            sentence = "--user takes a user_id, or how some begin with a * behind it"
        raise StartupError(sentence) from None
    if entry.expired(today()):
        raise StartupError("--expires: that day is over")
    add_entry(_file(), entry)
    sys.stdout.write(f"{key}\n")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of the key.")]) -> None:
    """Remove a key from the keys file; a running suite refuses it in seconds."""
    remove_entry(_file(), name)


@app.command("list")
def list_keys() -> None:
    """List the keys: name, users, limit, last day on which it is good, last use (UTC); - for none."""
    path = _file()
    used = last_uses(path)
    for entry in read_entries(path):
        last_use = used.get(entry.sha256)
        columns = (
            entry.name,
            ", ".join(entry.users),
            str(entry.limit or "-"),
            "-" if entry.expires is None else entry.expires.isoformat(),
            "-" if last_use is None else f"{last_use:%Y-%m-%dT%H:%M:%SZ}",
        )
        sys.stdout.write("\t".join(columns) + "\n")
