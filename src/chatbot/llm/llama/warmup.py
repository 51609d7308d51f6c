"""A short measurement at load, so that the first predictions already rest on this machine's numbers."""

import time
from collections.abc import Sequence

from chatbot.llm.llama.context import Context
from chatbot.scheduling.rates import Speeds

_PROMPT = 128
_STEPS = 3

_DRAFTED = (2, 4, 8, 16)
"""Rows of the calls that tell what rows cost beside one; the rest of the curve is learned as it runs."""


def measure(context: Context, sequences: int, *, drafts: bool) -> Speeds:
    """Read a prompt, then step with one sequence and with several; leaves the pool empty.

    ``drafts`` asks for what several rows of one sequence cost, too.

    Returns:
        Speeds to begin with; they keep learning from real steps.
    """
    many = min(sequences, 8)
    token = min(100, context.vocabulary - 1)
    prompt = min(_PROMPT, context.batch.capacity, context.memory.total // 2)
    # The first call pays for page faults and buffers that no later call pays.
    _call(context, [(0, prompt)], token)
    context.memory.truncate(0, 0)
    prefill = _call(context, [(0, prompt)], token) / prompt
    context.memory.truncate(0, 1)
    for sequence in range(1, many):
        context.memory.share(0, sequence, 1)
    curve = _row_times(context, (1, *_DRAFTED) if drafts else (1,), token)
    one = curve[0][1]
    all_rows = [(sequence, 1) for sequence in range(many)]
    together = min(_call(context, all_rows, token) for _ in range(_STEPS))
    for sequence in range(many):
        context.memory.truncate(sequence, 0)
    each = max(0.0, (together - one) / (many - 1)) if many > 1 else 0.0
    return Speeds(prefill=prefill, base=max(one - each, 0.0), each=each, rows=curve if drafts else ())


def _row_times(context: Context, counts: Sequence[int], token: int) -> list[tuple[int, float]]:
    """Seconds of a call with each of these numbers of rows of one sequence.

    The sizes take turns, so that a neighbour's burst makes none of them look dear beside the others.
    """
    rounds = [[_call(context, [(0, count)], token, outputs=count) for count in counts] for _ in range(_STEPS)]
    return [(count, min(seconds)) for count, seconds in zip(counts, zip(*rounds, strict=True), strict=True)]


def _call(context: Context, rows: list[tuple[int, int]], token: int, *, outputs: int = 1) -> float:
    begun = time.perf_counter()
    context.batch.clear()
    for sequence, count in rows:
        context.batch.add(sequence, context.memory.length(sequence), [token] * count, outputs=outputs)
    context.decode()
    for sequence, count in rows:
        context.memory.appended(sequence, count)
    return time.perf_counter() - begun
