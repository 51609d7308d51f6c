"""How long a process takes from its start until it listens, and until it is ready with a model of no size.

usage: python -m bench.start [--rounds 7] [--imports 12]

Starts ``chatbot office`` with a random model of a megabyte, so that ready is what a start costs without the
weights: settings, history, application, llama.cpp and its warm-up. The table of imports is what Python itself
reports (-X importtime) for the server's module, by package.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from bench.suite import machine, median
from tests.support.gguf_factory import Plan, write_model
from tests.support.ports import held_ports
from tests.system.running_suite import environment_without_settings

_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|\s*(\S+)")


def start(model: Path, folder: Path, port: int) -> tuple[float, float]:
    """Seconds until /healthz and until /readyz answer with 200."""
    environment = environment_without_settings() | {
        "CHATBOT_OFFICE__PORT": str(port),
        "CHATBOT_OFFICE__MODEL": str(model),
        "CHATBOT_DATA_DIR": str(folder),
        "CHATBOT_LOG_FORMAT": "json",
    }
    begun = time.perf_counter()
    command = [str(Path(sys.executable).with_name("chatbot")), "office"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        return _answers(f"{address}/healthz") - begun, _answers(f"{address}/readyz") - begun
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> float:
    while True:
        try:
            if httpx.get(url, trust_env=False).status_code == httpx.codes.OK:
                return time.perf_counter()
        except httpx.TransportError:
            pass
        time.sleep(0.005)


def imports() -> dict[str, float]:
    """Milliseconds that each package takes by itself among the imports of a server."""
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import chatbot.server.run"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    by_package: dict[str, float] = {}
    for match in _IMPORT.finditer(listed):
        package = match[3].partition(".")[0]
        by_package[package] = by_package.get(package, 0.0) + int(match[1]) / 1000
    return by_package


def main(options: argparse.Namespace) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_model(folder / "tiny.gguf", Plan())
        with held_ports(1) as (port,):
            found = [start(model, folder, port) for _ in range(options.rounds + 1)][1:]
    print("| from the start of the process | s: median (range) | target |\n|---|---|---|")
    for name, times in zip(
        ("listening (/healthz)", "ready (/readyz)"), zip(*found, strict=True), strict=True
    ):
        target = "≤ 1.5 s" if "ready" in name else ""
        print(f"| {name} | {median(times):.2f} ({min(times):.2f}-{max(times):.2f}) | {target} |")
    by_package = imports()
    print(f"\n| imports of a server: {sum(by_package.values()):.0f} ms | ms |\n|---|---|")
    for package in sorted(by_package, key=by_package.__getitem__, reverse=True)[: options.imports]:
        print(f"| {package} | {by_package[package]:.0f} |")
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--imports", type=int, default=12, help="packages to list")
    main(parser.parse_args())
