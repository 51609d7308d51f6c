"""Twenty questions at once against the same twenty one after another: the whole product, its default model.

usage: python -m bench.twenty_at_once [--users 20] [--tokens 48] [--rounds 3]

Starts ``chatbot up`` on free ports and asks through the gateway. A first pass that is not counted warms the
prefix cache for both. The small model ends most answers early, so everybody asks it to go on counting, which
it does up to the limit; rows give the tokens. A ratio is the wall time at once by that one after another,
within a round.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from tests.system.running_suite import RunningSuite, running_suite


async def _ask(client: httpx.AsyncClient, user: int) -> int:
    """Ask the user's question; the tokens of the answer."""
    count = ", ".join(str(number) for number in range(user + 1, user + 7))
    body = {"input_data": f"{count} 다음 숫자를 계속 써 주세요.", "user_id": f"user-{user}"}
    answer = await client.post("/office/Llama", json=body, headers={"Accept": "text/event-stream"})
    answer.raise_for_status()
    done = answer.text.rpartition("event: done\ndata: ")[2]
    tokens: int = json.loads(done)["usage"]["completion_tokens"]
    return tokens


async def _at_once(client: httpx.AsyncClient, users: int) -> int:
    return sum(await asyncio.gather(*(_ask(client, user) for user in range(users))))


async def _one_after_another(client: httpx.AsyncClient, users: int) -> int:
    return sum([await _ask(client, user) for user in range(users)])


def _sequences(suite: RunningSuite) -> tuple[float, float]:
    """Steps, and sequences over all of them, since the start."""
    return suite.metric("chatbot_decode_sequences_count"), suite.metric("chatbot_decode_sequences_sum")


async def compare(suite: RunningSuite, users: int, rounds: int) -> None:
    """Run all rounds and print the table."""
    ratios = []
    print("| round | at once, s | tokens | sequences a step | one after another, s | tokens | ratio |")
    print("|---|---|---|---|---|---|---|")
    async with httpx.AsyncClient(base_url=suite.gateway, timeout=600) as client:
        await _at_once(client, users)
        for number in range(rounds):
            steps, sequences = _sequences(suite)
            begun = time.perf_counter()
            tokens = await _at_once(client, users)
            together = time.perf_counter() - begun
            steps, sequences = (
                now - then for now, then in zip(_sequences(suite), (steps, sequences), strict=True)
            )
            begun = time.perf_counter()
            tokens_apart = await _one_after_another(client, users)
            apart = time.perf_counter() - begun
            ratios.append(together / apart)
            print(
                f"| {number + 1} | {together:.2f} | {tokens} | {sequences / steps:.1f} "
                f"| {apart:.2f} | {tokens_apart} | {together / apart:.2f} |"
            )
    print(f"\nmedian ratio {statistics.median(ratios):.2f}; ", end="")
    print(f"load average at the end {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main(options: argparse.Namespace) -> None:
    """Start the suite, compare, stop it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"CHATBOT_OFFICE__MAX_TOKENS": str(options.tokens), "CHATBOT_OFFICE__TEMPERATURE": "0"}
        with running_suite(Path(folder), **settings) as suite:
            asyncio.run(compare(suite, options.users, options.rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args())
