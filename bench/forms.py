"""What answers that have a form cost: reading the vocabulary, a form, a token, and the others in the batch.

usage: python -m bench.forms --model FILE.gguf [--users 20] [--steps 200] [--hostile 6] [--rounds 3]

The first answer of the batch follows a JSON schema in every other step: the steps of both kinds take turns,
so that a neighbour's burst makes neither look dear.

Then an engine writes plain answers beside others, which are plain, too, or held by a form whose masks are as
dear as a stranger can make them; with these also as it would be if no row ever rested for its masks. The
three take turns.
"""

import argparse
import asyncio
import json
import statistics
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.step_times import Bench, timed

from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import Sampling
from chatbot.llm.llama.cpu import yield_while_waiting

if TYPE_CHECKING:
    from tests.engine.rig import Rig

    from chatbot.llm.llama.constraint import Constraint
    from chatbot.llm.llama.grammars import Grammars

SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "people": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "year": {"type": "integer"},
        "kind": {"enum": ["book", "film", "song"]},
    },
    "required": ["title", "people", "year", "kind"],
    "additionalProperties": False,
}
FORM = Form(FormKind.JSON_SCHEMA, json.dumps(SCHEMA))

HOSTILE = Form(FormKind.GRAMMAR, "start: a\na: b a | b | a b\nb: /[a-z ]/ | /[a-z ][a-z ]/ | /[a-z ]{3}/")
"""Ambiguous: what may be meant grows with each letter, and every word of the vocabulary is tried."""


class Pauses:
    """The longest time for which another thread of the process did not run."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        last = time.perf_counter()
        while not self._over.wait(0.001):
            now = time.perf_counter()
            self.longest, last = max(self.longest, now - last), now

    def end(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()


def new_constraint(grammars: "Grammars") -> "Constraint":
    """The form at its beginning."""
    for constraint in asyncio.run(grammars.constraints(FORM, 1, "bench")):
        if constraint is not None:
            return constraint
    raise SystemExit("the form gives no constraint")


async def beside(rig: "Rig", users: int, others: int, sampling: Sampling, tokens: int) -> float:
    """Seconds a token of the users' plain answers, while others are asked for again and again."""
    from tests.engine.rig import question

    endless = Sampling(temperature=0.0, max_tokens=tokens, logit_bias=_no_end(rig))

    async def ask_on(number: int) -> None:
        while True:
            await rig.ask(question(f"{number}?"), sampling, caller=f"other{number}", seconds=600)

    asking = [asyncio.create_task(ask_on(number)) for number in range(others)]
    # Until they have begun: a new form is tried first.
    await asyncio.sleep(2)
    answers = await asyncio.gather(
        *(rig.ask(question(f"{user}."), endless, caller=f"user{user}", seconds=600) for user in range(users))
    )
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    ends = [answer.finished for answer in answers]
    return statistics.median(end.decode / end.usage.completion for end in ends)


def _no_end(rig: "Rig") -> tuple[tuple[int, float], ...]:
    return tuple((end, -100.0) for end in rig.loaded.engine._setup.vocabulary.end_tokens)


def beside_hostile(options: argparse.Namespace) -> None:
    """Measure and print what rows with dear masks cost the others."""
    from tests.engine.rig import open_rig

    from chatbot.llm.llama.stream import Stream

    rig = open_rig(options.model, exact=False, threads=0, gpu_layers=options.gpu_layers, pool_tokens=16384)
    stepper = rig.loaded.engine._stepper
    affordable = stepper._affordable
    plain = Sampling(temperature=0.0, max_tokens=1000, logit_bias=_no_end(rig))
    hostile = Sampling(temperature=0.9, max_tokens=1000, form=HOSTILE)
    users, others = options.users - options.hostile, options.hostile
    found: dict[str, list[float]] = {"plain": [], "hostile": [], "hostile, and none rests": []}
    for number in range(options.rounds + 1):
        for name in found:
            resting = name != "hostile, and none rests"
            stepper._affordable = affordable if resting else list[Stream]  # type: ignore[method-assign, assignment]
            sampling = plain if name == "plain" else replace(hostile, seed=number)
            seconds = asyncio.run(beside(rig, users, others, sampling, options.tokens))
            # The first round fills the caches.
            found[name] += [seconds] if number else []
    rig.model.close()
    for name, times in found.items():
        middle = statistics.median(times)
        ratio = middle / statistics.median(found["plain"])
        print(f"a token of {users} answers beside {others} {name}: {1e3 * middle:.1f} ms, ratio {ratio:.3f}")


def main(options: argparse.Namespace) -> None:
    """Measure and print. llama_cpp is imported here, since the threads' patience is set before."""
    yield_while_waiting()
    from chatbot.llm.llama.grammars import Grammars
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.sampler import SamplerMaker
    from chatbot.llm.llama.vocabulary import Vocabulary

    file = ModelFile(options.model, gpu_layers=options.gpu_layers)
    vocabulary = Vocabulary(file)
    pauses = Pauses()
    pieces: Future[list[bytes]] = Future()
    begun = time.perf_counter()
    pieces.set_result(vocabulary.pieces())
    grammars = Grammars(vocabulary, pieces)
    grammars._tokenizer.result()
    reading = time.perf_counter() - begun
    pauses.end()
    print(
        f"reading {vocabulary.size:,} tokens: {reading:.2f} s, nothing else runs for {pauses.longest:.2f} s"
    )
    first = timed(lambda: new_constraint(grammars))
    again = timed(lambda: new_constraint(grammars))
    print(f"a form: {1e3 * first:.0f} ms, and {1e3 * again:.1f} ms when it is known")

    bench = Bench(file, held=options.held, threads=0)
    for sequence in range(options.users):
        bench.read(sequence)
    maker = SamplerMaker(vocabulary, context_tokens=4096)
    plain = [maker.make(Sampling(seed=user), ()) for user in range(options.users)]
    constraint = new_constraint(grammars)
    formed = maker.make(Sampling(seed=0), (), constraint)
    steps: dict[bool, list[float]] = {False: [], True: []}
    for number in range(options.steps):
        held = bool(number % 2)
        if formed.complete:
            formed = maker.make(Sampling(seed=number), (), new_constraint(grammars))
        samplers = [formed if held else plain[0], *plain[1:]]
        decode = bench.step(options.users)
        steps[held].append(decode + bench.sample(samplers))
        for sequence in range(options.users):
            bench.context.memory.truncate(sequence, options.held)
    without, with_one = (statistics.median(steps[held]) for held in (False, True))
    print(f"a step of {options.users}: {1e3 * without:.1f} ms, with one form {1e3 * with_one:.1f} ms")
    print(f"ratio {with_one / without:.3f}")

    token_times = []
    # Not the first, which a mask may be written over.
    random_row = bench.context.logits()[1].copy()
    sampler = maker.make(Sampling(seed=1), (), new_constraint(grammars))
    free = maker.make(Sampling(seed=1), ())
    for _ in range(options.steps):
        if sampler.complete:
            sampler = maker.make(Sampling(seed=1), (), new_constraint(grammars))
        took = timed(lambda: sampler.sample(random_row.copy()))  # noqa: B023 (called at once)
        token_times.append(took - timed(lambda: free.sample(random_row.copy())))
    token_times.sort()
    median, most = token_times[len(token_times) // 2], token_times[-1]
    print(f"a token beyond one without: {1e6 * median:.0f} µs in the median, {1e3 * most:.1f} ms at most")
    grammars.close()
    beside_hostile(options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--gpu-layers", type=int, default=0)
    parser.add_argument("--held", type=int, default=128)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--hostile", type=int, default=6, help="answers of the users with dear masks")
    parser.add_argument("--tokens", type=int, default=64, help="of each plain answer beside them")
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args())
