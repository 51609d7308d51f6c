"""Prints what a libs folder needs of its place, as JSON: manifest.py FOLDER VARIANT ARCHITECTURES.

Runs in the build stage of the libs image. A service compares it with itself at start (chatbot.adapters.libs),
so that a wrong pairing of images ends in one sentence and not in a crash inside the loader.
"""

import json
import platform
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path


def newest_glibc(folder: Path) -> str:
    """The newest glibc symbol version that any library in `folder` asks for."""
    asked: set[tuple[int, ...]] = set()
    for library in folder.rglob("*.so*"):
        if library.is_symlink():
            continue
        table = subprocess.run(["readelf", "-V", library], capture_output=True, text=True, check=True).stdout
        asked |= {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([0-9.]+)", table)}
    return ".".join(map(str, max(asked)))


def cpu_features() -> list[str]:
    """The x86 instruction sets that the build flags turn on, as /proc/cpuinfo names them."""
    flags = tomllib.loads(Path("uv.toml").read_text())["config-settings-package"]["llama-cpp-python"]
    return sorted(
        name.removeprefix("cmake.define.GGML_").lower()
        for name, value in flags.items()
        if value == "ON" and name.startswith("cmake.define.GGML_")
    )


def main() -> None:
    """Writes the manifest to standard output."""
    folder, variant, architectures = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    distributions = {
        found.name.lower(): found.version for found in metadata.distributions(path=[str(folder)])
    }
    cuda = None
    if variant == "cuda":
        toolkit = metadata.distributions(
            path=[str(site) for site in Path("/cuda").glob("lib/*/site-packages")]
        )
        version = next(found.version for found in toolkit if found.name.lower() == "nvidia-cuda-runtime")
        cuda = {"runtime": version, "architectures": re.findall(r"\d+", architectures)}
    print(
        json.dumps(
            {
                "variant": variant,
                "python": f"{sys.version_info.major}.{sys.version_info.minor}",
                "glibc": newest_glibc(folder),
                "architecture": platform.machine(),
                "cpu_features": cpu_features() if platform.machine() == "x86_64" else [],
                "cuda": cuda,
                "packages": distributions,
            },
            indent=2,
            sort_keys=True,
        )
    )


main()
