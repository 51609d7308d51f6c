"""The one home of huggingface-hub: what a file on a hub is, and its bytes, resumed where they stopped."""

import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chatbot.domain.model_files import CatalogueEntry, ModelStoreError
from chatbot.domain.vram import MIB

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of one commit on a hub; ``sha256`` is empty where the hub does not tell it."""

    name: str
    url: str
    etag: str
    sha256: str
    commit: str
    size: int
    foreign: bool


def inspect(model: CatalogueEntry, endpoint: str | None, token: str | None) -> RemoteFile:
    """Ask the hub about the file.

    Raises:
        ModelStoreError: the hub does not answer, or does not have it.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(model.repository, model.file, revision=model.revision, endpoint=endpoint)
    try:
        found = get_hf_file_metadata(url, token=token, endpoint=endpoint)
    except Exception as error:
        raise ModelStoreError(f"{url}: {_reason(error)}") from error
    if found.size is None or found.etag is None:
        raise ModelStoreError(f"{url}: the hub does not say how large the file is")
    return RemoteFile(
        name=model.file,
        url=found.location,
        etag=found.etag,
        sha256=found.etag if _SHA256.fullmatch(found.etag) else "",
        commit=found.commit_hash or model.revision,
        size=found.size,
        foreign=urlsplit(found.location).netloc != urlsplit(url).netloc,
    )


def fetch(remote: RemoteFile, part: Path, token: str | None, tell: Callable[[str], None]) -> None:
    """Complete ``part`` from where it stands and flush it to the disk.

    Raises:
        ModelStoreError: the transfer failed; what came stays for the next attempt.
    """
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    headers: dict[str, str] = build_hf_headers(token=False if remote.foreign else token)
    have = part.stat().st_size if part.exists() else 0
    if have > remote.size:
        part.unlink()
        have = 0
    tell(f"{remote.name}: {'resuming at' if have else 'starting,'} {have // MIB} of {remote.size // MIB} MiB")
    with part.open("ab") as file:
        try:
            http_get(
                remote.url,
                file,
                resume_size=have,
                headers=headers,
                expected_size=remote.size,
                displayed_filename=remote.name,
                tqdm_class=_progress(remote.name, tell),
            )
        except OSError:
            raise
        except Exception as error:
            raise ModelStoreError(
                f"{remote.name}: the transfer stopped ({_reason(error)}); run it again to resume"
            ) from error
        finally:
            file.flush()
            os.fsync(file.fileno())


def _reason(error: Exception) -> str:
    """The first line of the library's message, which can be long."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _progress(name: str, tell: Callable[[str], None]) -> type[Any]:
    """A progress bar for logs: a line every few seconds in place of a moving bar."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Lines(tqdm):  # type: ignore[misc]
        """Tells a line instead of drawing."""

        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            self.told = time.monotonic()
            super().__init__(*args, **{**options, "disable": False, "file": io.StringIO()})

        def display(self, *_: Any, **__: Any) -> bool:
            """Called by tqdm when the bar would be drawn."""
            now = time.monotonic()
            if now - self.told >= _SECONDS_BETWEEN_LINES and self.total:
                self.told = now
                share = f"{self.n // MIB} of {self.total // MIB} MiB"
                tell(f"{name}: {100 * self.n / self.total:.0f} % ({share})")
            return True

    return Lines
