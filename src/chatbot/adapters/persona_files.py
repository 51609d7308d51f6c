"""Reads the persona texts: packaged ones, or a mounted folder that replaces them file by file."""

import json
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from chatbot.domain.errors import StartupError
from chatbot.domain.plaintext import nfc
from chatbot.domain.prompts import PersonaFile

LLAMA_FILE = "config-Llama.json"
OPENAI_FILE = "config-OpenAI.json"


def read_personas(name: str, folder: Path | None) -> PersonaFile:
    """The personas of one file; a file missing from ``folder`` falls back to the packaged one.

    Raises:
        StartupError: unreadable, not JSON, or of the wrong shape; the sentence names file and place.
    """
    path = folder / name if folder else None
    if path is not None and folder is not None and not folder.is_dir():
        raise StartupError(f"CHATBOT_PROMPTS_DIR: {folder} is not a folder")
    try:
        if path is not None and path.exists():
            text = path.read_text("utf-8")
        else:
            text = (files("chatbot") / "prompts" / name).read_text("utf-8")
        return PersonaFile.model_validate(json.loads(nfc(text)))
    except ValidationError as error:
        places = ", ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)
        )
        raise StartupError(f"CHATBOT_PROMPTS_DIR: {path or name}: {places}") from None
    except (OSError, ValueError) as error:
        raise StartupError(f"CHATBOT_PROMPTS_DIR: {path or name} cannot be read as JSON: {error}") from None
