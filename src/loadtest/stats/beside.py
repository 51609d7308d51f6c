"""Times that no column of the CSV holds, out of the records beside its rows."""

from collections.abc import Iterable

from loadtest.record.parts import Ended
from loadtest.stats.distribution import Distribution, describe


def beside_rows(ended: Iterable[Ended]) -> dict[str, Distribution]:
    """`first_token`: of answered streams. `lateness`: how late an open loop sent its questions. `intended`:
    from the moment that a question was meant for to its answer, so that a generator that fell behind, or
    waited for one answer before it asked the next, cannot make a service look quick.
    """
    first, late = [], []
    meant: dict[str, int] = {}
    done: dict[str, int] = {}
    for item in ended:
        if item.attempt.success:
            done[item.question_id] = item.start_us + item.attempt.duration_us
            if "first_token" in item.extras:
                first.append(round(item.extras["first_token"] * 1e6))
        if "intended_us" in item.extras:
            meant[item.question_id] = item.extras["intended_us"]
            late.append(max(0, item.start_us - item.extras["intended_us"]))
    whole = [end - meant[question] for question, end in done.items() if question in meant]
    return {"first_token": describe(first), "lateness": describe(late), "intended": describe(whole)}
