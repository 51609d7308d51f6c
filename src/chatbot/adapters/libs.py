"""Compares the compiled engine with this machine before loading it: a misfit is a sentence, not a crash.

Only a folder that images/libs made has a manifest; an engine that was compiled here has none and fits.
"""

import ctypes
import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from chatbot.domain.errors import StartupError
from chatbot.domain.libs import HostFacts, LibsManifest, misfit

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver's interface."""


def require_fitting_libs(*, with_cards: bool) -> None:
    """Return when the engine can run here.

    Raises:
        StartupError: there is none, or it does not fit; one sentence.
    """
    found = find_spec("llama_cpp")
    if found is None or found.origin is None:
        raise StartupError(
            "the compiled engine (llama-cpp-python) is not here: mount the libs image at /opt/python-libs, "
            "or install requirements/engine.txt"
        )
    manifest = manifest_of(Path(found.origin).parent.parent)
    if manifest is None:
        return
    sentence = misfit(manifest, this_host(with_cards=with_cards), with_cards=with_cards)
    if sentence is not None:
        raise StartupError(sentence)


def manifest_of(folder: Path) -> LibsManifest | None:
    """The manifest beside the libraries; None where there is none.

    Raises:
        StartupError: it cannot be read.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        return None
    try:
        return LibsManifest.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise StartupError(f"{path} is not a manifest of the libs image: build the image anew") from error


def this_host(*, with_cards: bool) -> HostFacts:
    """This machine; cards are asked for only when they matter, because that starts the driver."""
    return HostFacts(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        glibc=os.confstr("CS_GNU_LIBC_VERSION").split()[-1] if sys.platform == "linux" else "",  # type: ignore[union-attr]
        architecture=platform.machine(),
        cpu_features=_cpu_features(),
        cards=_cards() if with_cards else None,
    )


def _cpu_features() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    line = next((row for row in text.splitlines() if row.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def _cards() -> tuple[str, ...] | None:
    """Compute capabilities of the visible cards, from the driver's own library; None without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    if driver.cuInit(0) != 0:
        return ()
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    found = []
    for index in range(count.value):
        major, minor = ctypes.c_int(), ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, index)
        driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, index)
        found.append(f"{major.value}{minor.value}")
    return tuple(found)
