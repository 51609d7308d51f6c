"""Model files as a catalogue names them, and what is recorded of a file that is in place."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$", max_length=200)]


class CatalogueEntry(BaseModel):
    """One file on a hub: where it is and what it must be; an empty hash trusts the hub's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str = Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")
    revision: str = Field(default="main", min_length=1)
    file: FileName
    sha256: Sha256 = ""


class Catalogue(BaseModel):
    """Files by name: what ``chatbot models download`` fetches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: dict[str, CatalogueEntry]


class LockedFile(BaseModel):
    """What was put in place: enough to check the file again and to fetch the same bytes elsewhere."""

    model_config = ConfigDict(frozen=True)

    repository: str = ""
    revision: str = ""
    sha256: Sha256
    size: int = Field(ge=0)


class ModelStoreError(Exception):
    """A file cannot be had or is not what it must be; the message is one sentence that says what to do."""
