"""What the balancer adds to a request: the same requests straight to a service and by way of it.

usage: python -m bench.balancer_cost [--rate 50] [--seconds 20] [--rounds 3]

The service is bench.null_suite, whose model costs nothing; both are processes of their own. Rounds alternate
who goes first. Milliseconds from a request's first byte sent to the last of its answer.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
from bench.api_cost import steady
from bench.suite import machine, median, quantile
from tests.support.ports import held_ports


def _wait_for(url: str) -> None:
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(transport=transport, trust_env=False, timeout=30) as client:
        client.get(url).raise_for_status()


async def measure(ports: dict[str, int], options: argparse.Namespace) -> None:
    """The table."""
    took: dict[str, list[float]] = {name: [] for name in ports}
    for number in range(options.rounds + 1):
        for name in ports if number % 2 else reversed(ports):
            round_ = await steady(ports[name], options.rate, options.seconds if number else 2.0, room=False)
            if number:
                took[name] += round_
    print(f"| {options.rate:.0f} requests/s, 16 tokens each | p50, ms | p99, ms |\n|---|---|---|")
    for name, values in took.items():
        print(f"| {name} | {median(values):.2f} | {quantile(values, 0.99):.2f} |")
    print(f"\n{machine()}")


def main(options: argparse.Namespace) -> None:
    """Start both processes, measure, stop them."""
    chatbot = str(Path(sys.executable).with_name("chatbot"))
    with ExitStack() as stack:
        service, balancer = stack.enter_context(held_ports(2))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = stack.enter_context((folder / "log").open("wb"))
        for command in (
            [sys.executable, "-m", "bench.null_suite", str(service), str(folder)],
            [chatbot, "balance", f"office=127.0.0.1:{service}", "--port", str(balancer)],
        ):
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
        _wait_for(f"http://127.0.0.1:{service}/healthz")
        _wait_for(f"http://127.0.0.1:{balancer}/healthz")
        asyncio.run(measure({"straight": service, "by the balancer": balancer}, options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20, help="seconds of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, beside one to warm up")
    main(parser.parse_args())
