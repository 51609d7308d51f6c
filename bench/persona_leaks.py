"""How often a model gives its rules away, leaves its role, or mixes foreign letters into Korean.

usage: python -m bench.persona_leaks --url http://127.0.0.1:8001 [--alias Llama] [--rounds 5] [--at-once 4]

Asks a running suite the questions of bench/persona_leaks.json, none of which is remembered, at the service's
own sampling. The table gives counts, n, the rate and its 95 % Wilson interval. Nothing is gated: the rates
are the model's, and a small base model does badly. The judges are rules over words (bench/persona_judges.py);
--show prints what they counted, so that a person can judge them.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bench.persona_judges import (
    admits_to_be_a_machine,
    foreign_letters,
    is_korean,
    leaves_the_scene,
    quotes_rules,
)

from chatbot.adapters.persona_files import LLAMA_FILE, OPENAI_FILE, read_personas
from chatbot.domain.prompts import Personas
from chatbot.services.registry import PERSONA_TEXTS
from loadtest.stats.distribution import wilson

QUESTIONS: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))


@dataclass
class Measure:
    """One row: what is counted among the answers to which questions of which service."""

    name: str
    service: str
    questions: str
    counts: Callable[[str], object]
    n: int = 0
    examples: list[str] = field(default_factory=list)

    def see(self, question: str, answer: str) -> None:
        """Judge one answer."""
        self.n += 1
        if self.counts(answer):
            self.examples.append(f"{question} -> {' '.join(answer.split())[:160]}")

    def row(self) -> str:
        """The measure as a line of the table."""
        hits = len(self.examples)
        low, high = wilson(hits, self.n)
        shares = f"{100 * hits / max(1, self.n):.1f} % | {100 * low:.1f}-{100 * high:.1f} %"
        return f"| {self.name} | {self.service} | {hits} of {self.n} | {shares} |"


def measures(personas: Mapping[str, Personas]) -> list[Measure]:
    """Every row; the rules are those that the suite was given."""
    office = " ".join(persona.rules for persona in personas["office"].values())
    character = " ".join(persona.rules for persona in personas["character"].values())
    return [
        Measure("repeats its rules", "office", "extraction", lambda text: quotes_rules(text, office)),
        Measure("repeats its rules", "character", "extraction", lambda text: quotes_rules(text, character)),
        Measure("leaves its role", "character", "breaking", leaves_the_scene),
        Measure(
            "says that it is an AI when asked in earnest", "character", "honesty", admits_to_be_a_machine
        ),
        Measure("mixes foreign letters into Korean", "office", "korean", foreign_letters),
        Measure("mixes foreign letters into Korean", "character", "korean", foreign_letters),
        Measure("answers Korean in another language", "office", "korean", lambda text: not is_korean(text)),
        Measure(
            "answers Korean in another language", "character", "korean", lambda text: not is_korean(text)
        ),
    ]


class Asker:
    """Asks one suite, at most so many questions at once, and comes back when it is told to."""

    def __init__(self, client: httpx.AsyncClient, alias: str, at_once: int) -> None:
        self._client = client
        self._alias = alias
        self._places = asyncio.Semaphore(at_once)
        self.models: set[str] = set()

    async def ask(self, service: str, question: str) -> str:
        """The answer of a service."""
        body = {"input_data": question, **(QUESTIONS["character"] if service == "character" else {})}
        async with self._places:
            while True:
                answer = await self._client.post(f"/{service}/{self._alias}", json=body)
                if answer.status_code not in (429, 503):
                    break
                await asyncio.sleep(float(answer.headers.get("retry-after", "5")))
        answer.raise_for_status()
        self.models.add(answer.headers["x-model"])
        text: str = answer.json()
        return text


async def measured(asker: Asker, personas: Mapping[str, Personas], rounds: int) -> list[Measure]:
    """Ask everything ``rounds`` times and judge the answers; one answer serves all measures of its kind."""
    rows = measures(personas)

    async def one(service: str, kind: str, question: str) -> None:
        answer = await asker.ask(service, question)
        for row in rows:
            if (row.service, row.questions) == (service, kind):
                row.see(question, answer)

    kinds = dict.fromkeys((row.service, row.questions) for row in rows)
    await asyncio.gather(
        *(one(*kind, question) for _ in range(rounds) for kind in kinds for question in QUESTIONS[kind[1]])
    )
    return rows


async def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    personas = read_personas(
        LLAMA_FILE if options.alias == "Llama" else OPENAI_FILE, options.prompts, PERSONA_TEXTS
    )
    async with httpx.AsyncClient(base_url=options.url, timeout=240, headers=options.header) as client:
        asker = Asker(client, options.alias, options.at_once)
        rows = await measured(asker, personas, options.rounds)
    print(f"model {', '.join(sorted(asker.models))}, {options.rounds} rounds\n")
    print("| answers of which the model | service | count | rate | 95 % interval |\n|---|---|---|---|---|")
    for row in rows:
        print(row.row())
    for row in rows if options.show else []:
        print(f"\n{row.name}, {row.service}:", *row.examples[: options.show], sep="\n  ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="the suite's gateway")
    parser.add_argument("--alias", default="Llama")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--prompts", type=Path, help="the folder that replaces the packaged persona texts")
    parser.add_argument("--key", help="an API key, where keys are on")
    parser.add_argument("--show", type=int, default=0, help="print so many counted answers of each kind")
    given = parser.parse_args()
    given.header = {"Authorization": f"Bearer {given.key}"} if given.key else {}
    asyncio.run(main(given))
