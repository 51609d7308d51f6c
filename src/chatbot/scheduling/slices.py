"""How much of the prompts one step reads: a slice, so that nobody who streams waits for a whole prompt."""

from collections.abc import Iterable, Sequence

from chatbot.scheduling.tuning import LEAST_ERRAND_SLICE, LEAST_SLICE, LONGEST_SLICE

UNTILED_ROWS = 63
"""The largest call whose rows attention computes one by one on a CPU; from 64 on it works in tiles."""


def prefill_rows(reading: int, streaming: int, *, slice_seconds: float, token_seconds: float) -> int:
    """Prompt tokens for one step.

    A stall costs each who streams what it saves each who still waits for the first token: where few stream
    and many wait, as after a burst, a longer slice serves more people and fills the batch.

    Args:
        reading: Requests whose prompts are not yet computed.
        streaming: Requests that generate.
        slice_seconds: The slice where as many stream as wait.
        token_seconds: What a prompt token takes.
    """
    slices = min(max(1.0, reading / max(1, streaming)), LONGEST_SLICE)
    return max(LEAST_SLICE, int(slices * slice_seconds / token_seconds))


def errand_rows(step_seconds: float, token_seconds: float) -> int:
    """Prompt tokens that one call of an errand reads: it should last about as long as a step does.

    Half of what a step's time would read: the call reads the weights too, as a step does.

    Args:
        step_seconds: What a step for one answer takes.
        token_seconds: What a prompt token takes.
    """
    return max(LEAST_ERRAND_SLICE, int(step_seconds / token_seconds / 2))


def share_out(wanted: Sequence[int], budget: int) -> list[int]:
    """Prompt tokens for each who reads.

    Half of the budget goes first to those with the least left to read, the rest to all in their order: a
    short question does not wait behind the whole of a long prompt, and the long prompt never stands still.
    """
    shares = [0] * len(wanted)
    _give(shares, wanted, sorted(range(len(wanted)), key=wanted.__getitem__), budget // 2)
    _give(shares, wanted, range(len(wanted)), budget - sum(shares))
    return shares


def _give(shares: list[int], wanted: Sequence[int], order: Iterable[int], budget: int) -> None:
    for index in order:
        given = min(wanted[index] - shares[index], budget)
        shares[index] += given
        budget -= given
