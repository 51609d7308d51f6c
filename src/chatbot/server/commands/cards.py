"""``chatbot cards``: turn a character card into the fields of a request, with a report of what was cut."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from chatbot.domain.card_files import MAX_FILE_BYTES, CardError
from chatbot.domain.cards import read_card
from chatbot.domain.errors import StartupError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def cards() -> None:
    """Character cards."""


@app.command()
def show(
    file: Annotated[
        Path, typer.Argument(help="A card: PNG or JSON, version 1, 2 or 3.", exists=True, dir_okay=False)
    ],
    user_name: Annotated[
        str | None, typer.Option(help="What {{user}} becomes; else it stays, for the request's user_name.")
    ] = None,
) -> None:
    """Print the request's fields of a card as JSON on stdout, and on stderr what was cut or left out."""
    if file.stat().st_size > MAX_FILE_BYTES:
        raise StartupError(f"{file}: the file is too large for a card")
    try:
        card = read_card(file.read_bytes(), user_name)
    except CardError as error:
        raise StartupError(f"{file}: {error}") from error
    sys.stdout.write(json.dumps(card.request_fields(), ensure_ascii=False, indent=2) + "\n")
    for cut in card.cut:
        sys.stderr.write(f"잘림 · cut: {cut.field}, {cut.had:,} → {cut.kept:,}\n")
    if card.left_out:
        sys.stderr.write(f"가져오지 않음 · left out: {', '.join(card.left_out)}\n")
    if card.missing:
        sys.stderr.write(f"비어 있음 · missing, fill in: {', '.join(card.missing)}\n")
