"""A client of /v1 that sends its whole conversation with each question: how much of it is computed anew.

usage: python -m bench.never_trimmed [--turns 200] [--tokens 24]

Starts ``chatbot up`` and asks the office service over HTTP, one question after another, with no search and no
neighbour. A question whose first turn is another one than that of the question before follows a cut.
"""

import argparse
import time
from dataclasses import dataclass
from itertools import pairwise

import httpx
from bench.suite import machine, median, started

_TOPICS = ("회의", "보고서", "휴가", "출장", "급여", "교육", "평가", "예산", "계약", "인사")


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One question's figures: tokens, turns and seconds."""

    prompt: int
    cached: int
    cut: int
    seconds: float

    @property
    def computed(self) -> int:
        """Tokens of the prompt that no cache held."""
        return self.prompt - self.cached


def converse(address: str, turns: int, tokens: int) -> list[Exchanged]:
    """Ask so many questions in one conversation."""
    messages: list[dict[str, str]] = []
    figures = []
    with httpx.Client(base_url=address, timeout=600, trust_env=False) as client:
        for turn in range(turns):
            topic = _TOPICS[turn % len(_TOPICS)]
            messages.append({"role": "user", "content": f"{topic}에 관해 {turn + 1}번째로 묻습니다."})
            body = {"model": "Llama", "messages": messages, "max_tokens": tokens, "seed": turn}
            asked = time.perf_counter()
            response = client.post("/office/v1/chat/completions", json=body).raise_for_status()
            seconds = time.perf_counter() - asked
            answer = response.json()
            usage = answer["usage"]
            cached = usage["prompt_tokens_details"]["cached_tokens"]
            cut = int(response.headers.get("x-cut-turns", 0))
            figures.append(Exchanged(usage["prompt_tokens"], cached, cut, seconds))
            messages.append({"role": "assistant", "content": answer["choices"][0]["message"]["content"]})
    return figures


def main(options: argparse.Namespace) -> None:
    """The conversation, and what it took."""
    with started() as suite:
        found = converse(suite.office, options.turns, options.tokens)
    anew = [after for before, after in pairwise(found) if after.cut != before.cut]
    others = [each for each in found[1:] if each not in anew]
    first = next((number for number, each in enumerate(found, start=1) if each.cut), None)
    print("| questions | number | prompt tokens | computed | seconds |\n|---|---|---|---|---|")
    for name, listed in (("behind a cut", anew), ("all others", others)):
        print(
            f"| {name} | {len(listed)} | {median(each.prompt for each in listed):.0f} "
            f"| {median(each.computed for each in listed):.0f} "
            f"| {median(each.seconds for each in listed):.2f} |"
        )
    prompts, computed = sum(each.prompt for each in found), sum(each.computed for each in found)
    print(
        f"\nmedians; first cut at question {first}, at the end {found[-1].cut} of {len(found) - 1} turns cut"
    )
    print(f"computed: {computed} of {prompts} prompt tokens, {100 * computed / prompts:.1f} %")
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=24, help="longest answer")
    main(parser.parse_args())
