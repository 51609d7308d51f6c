"""``chatbot prompts``: check persona texts before a service is started with them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from chatbot.adapters.persona_files import LLAMA_FILE, OPENAI_FILE, own_personas, read_personas
from chatbot.server.settings import load_settings
from chatbot.services.registry import PERSONA_TEXTS

app = typer.Typer(no_args_is_help=True)


@app.callback()
def prompts() -> None:
    """Persona texts."""


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder to check; absent: CHATBOT_PROMPTS_DIR.")
    ] = None,
) -> None:
    """Check the persona files as a service would at its start."""
    place = folder or load_settings().prompts_dir
    for name in (LLAMA_FILE, OPENAI_FILE):
        read_personas(name, place, PERSONA_TEXTS)
        own = own_personas(name, place, PERSONA_TEXTS)
        sources = ", ".join(f"{key}: {place if key in own else 'packaged'}" for key in PERSONA_TEXTS)
        sys.stdout.write(f"{name}: good ({sources})\n")
