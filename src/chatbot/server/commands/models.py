"""``chatbot models``: download, check, list and wait for model files.

The hub's address and token come from huggingface-hub's own variables, HF_ENDPOINT and HF_TOKEN.
"""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from chatbot.adapters.models import ModelStore
from chatbot.domain.errors import StartupError
from chatbot.domain.model_files import Catalogue, ModelStoreError
from chatbot.server.settings import load_settings

app = typer.Typer(no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(help="Folder of GGUF files; default: CHATBOT_MODELS_DIR, else models in the data folder."),
]
CatalogueFile = Annotated[
    Path | None,
    typer.Option(help="JSON file of models by name; default: the packaged one (the two 8B models)."),
]


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _store(folder: Path | None) -> ModelStore:
    return ModelStore(folder or load_settings().models_folder, _tell)


def _catalogue(path: Path | None) -> Catalogue:
    packaged = files("chatbot.adapters") / "model_catalogue.json"
    try:
        text = packaged.read_text("utf-8") if path is None else path.read_text("utf-8")
        return Catalogue.model_validate_json(text)
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StartupError(f"{path or 'the packaged catalogue'}: {where}: {first['msg']}") from None


@app.command()
def download(
    names: Annotated[list[str] | None, typer.Argument(help="Names in the catalogue; none: all.")] = None,
    catalogue: CatalogueFile = None,
    folder: Folder = None,
    run: Annotated[str, typer.Option(help="Name of this download for those who wait for it.")] = "",
    tries: Annotated[int, typer.Option(help="How often it is begun at most, this time included.")] = 1,
) -> None:
    """Fetch models that are not there yet: resumed, checked by SHA-256, put in place by a rename."""
    known = _catalogue(catalogue).models
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise StartupError(f"the catalogue has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    store = _store(folder)
    try:
        store.download_all([known[name] for name in names or sorted(known)], run, tries)
    except ModelStoreError as error:
        raise StartupError(str(error)) from error


@app.command()
def verify(catalogue: CatalogueFile = None, folder: Folder = None) -> None:
    """Hash the files anew and compare with what was recorded (or with the catalogue, when it is given)."""
    expected = None
    if catalogue is not None:
        expected = {model.file: model.sha256 for model in _catalogue(catalogue).models.values()}
    try:
        faults = _store(folder).verify(expected)
    except ModelStoreError as error:
        raise StartupError(str(error)) from error
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if faults:
        raise typer.Exit(1)


@app.command("list")
def list_models(folder: Folder = None) -> None:
    """List what is recorded: file, size in MiB, SHA-256, repository and revision."""
    try:
        locked = _store(folder).locked()
    except ModelStoreError as error:
        raise StartupError(str(error)) from error
    if not locked:
        sys.stdout.write("no model was downloaded into this folder; the packaged one needs no download\n")
    for name, entry in locked.items():
        source = f"{entry.repository}@{entry.revision}" if entry.repository else "put there by hand"
        sys.stdout.write(f"{name}\t{entry.size >> 20} MiB\t{entry.sha256}\t{source}\n")


@app.command()
def wait(
    file: Annotated[str, typer.Option(help="File name in the folder.")],
    folder: Folder = None,
    seconds: Annotated[float, typer.Option(help="Longest wait, seconds.")] = 3600,
) -> None:
    """Wait until a file is in place; used by pods that start before their download is done."""
    try:
        _store(folder).wait(file, seconds)
    except ModelStoreError as error:
        raise StartupError(str(error)) from error
