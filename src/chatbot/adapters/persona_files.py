"""Reads the persona texts: packaged ones, or a mounted folder that replaces them file by file."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from chatbot.domain.errors import StartupError
from chatbot.domain.language import Language
from chatbot.domain.plaintext import nfc
from chatbot.domain.prompts import Personas, PersonaTexts
from chatbot.domain.service_names import ServiceName

LLAMA_FILE = "config-Llama.json"
OPENAI_FILE = "config-OpenAI.json"


def read_personas(
    name: str, folder: Path | None, services: Mapping[ServiceName, PersonaTexts[Any]]
) -> dict[str, Personas]:
    """The persona texts of each service: from ``folder``'s file, else the packaged file, else its own.

    Args:
        name: the file's name in both places.
        folder: the operator's; None or a folder without that file: the packaged texts alone.
        services: which texts are looked for, by the key that they stand under.

    Raises:
        StartupError: unreadable, not JSON, or of the wrong shape; the sentence names file and place.
    """
    texts: dict[str, Personas] = {
        key: service.packaged for key, service in services.items() if service.packaged is not None
    }
    texts |= _read(Path(str(files("chatbot") / "prompts" / name)), name, services)
    texts |= own_personas(name, folder, services)
    for key in services:
        if key not in texts:
            raise StartupError(f"there are no persona texts of {key}: give {name} some, or its service")
    return texts


def own_personas(
    name: str, folder: Path | None, services: Mapping[ServiceName, PersonaTexts[Any]]
) -> dict[str, Personas]:
    """What the operator's file alone holds; nothing where there is no such file.

    Raises:
        StartupError: as ``read_personas``.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise StartupError(f"CHATBOT_PROMPTS_DIR: {folder} is not a folder")
    path = folder / name
    return _read(path, str(path), services) if path.exists() else {}


def _read(path: Path, shown: str, services: Mapping[ServiceName, PersonaTexts[Any]]) -> dict[str, Personas]:
    try:
        read = _file_shape(services).model_validate(json.loads(nfc(path.read_text("utf-8"))))
    except ValidationError as error:
        places = ", ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)
        )
        raise StartupError(f"CHATBOT_PROMPTS_DIR: {shown}: {places}") from None
    except (OSError, ValueError) as error:
        raise StartupError(f"CHATBOT_PROMPTS_DIR: {shown} cannot be read as JSON: {error}") from None
    return {key: getattr(read, key) for key in services if key in read.model_fields_set}


def _file_shape(services: Mapping[ServiceName, PersonaTexts[Any]]) -> type[BaseModel]:
    """A persona file: any of the services' texts, each in both languages."""
    fields: dict[str, Any] = {}
    for key, service in services.items():
        shape: Any = service.shape
        fields[key] = (Annotated[dict[Language, shape], Field(min_length=2)], None)
    return create_model("PersonaFile", __config__=ConfigDict(extra="forbid", frozen=True), **fields)
