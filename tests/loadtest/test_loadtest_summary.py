"""summary.json and the screen at the end of a run, every number against the plain computation."""

import re
from collections import Counter
from typing import Any

from hypothesis import example, given, settings
from tests.loadtest import oracle
from tests.loadtest.strategies import HEADER, csv_texts

from loadtest.judge import summary
from loadtest.judge.verdict import Exit, Verdict
from loadtest.record.parts import Ended, PartFile, RecordedRun
from loadtest.record.reading import read_text
from loadtest.run.progress import show
from loadtest.run.terminal import Terminal

WITHIN = 2.5


def told_of(text: str) -> dict[str, Any]:
    """summary.json of a run with these rows; its streams' first tokens come after a tenth of a second."""
    attempts = read_text(text).attempts
    ended = [Ended(f"q{i}-0", f"q{i}", a.start_us, a, {"first_token": 0.1}) for i, a in enumerate(attempts)]
    return summary.build(summary.analyse(RecordedRun([PartFile("p")], ended, [{"id": "q-9"}], 0)), WITHIN)


def close(told: dict[str, Any], plain: dict[str, Any]) -> None:
    assert told.keys() == plain.keys()
    for name, value in told.items():
        assert oracle.close(value, plain[name]), name


def share(told: dict[str, Any], hits: int, n: int) -> None:
    assert (told["hits"], told["n"]) == (hits, n)
    assert oracle.close(told["share"], hits / n if n else None)
    low, high = oracle.interval(hits, n)
    assert abs(told["low"] - low) < 1e-9
    assert abs(told["high"] - high) < 1e-9


@settings(max_examples=80, deadline=None)
@given(text=csv_texts(most=60))
@example(text=HEADER + "\n")
def test_every_number_of_the_summary_equals_the_plain_computation(text: str) -> None:
    told, rows = told_of(text), oracle.load(text)
    chains = oracle.questions(rows)
    settled = [chain for chain in chains if not chain[-1]["again"]]
    hits = sum(map(oracle.answered, chains))
    felt = oracle.perceived(chains)
    good = [row for row in rows if row["ok"]]
    span = oracle.span(rows)
    rate = len(good) * 1e6 / span if span else None
    assert {name: told["totals"][name] for name in ("questions", "answered", "failed", "open")} == {
        "questions": len(chains),
        "answered": hits,
        "failed": len(settled) - hits,
        "open": len(chains) - len(settled),
    }
    assert told["totals"]["attempts"] == len(rows)
    assert told["totals"]["refused"] == sum(row["code"] == 429 for row in rows)
    assert told["totals"]["in_flight"] == 1
    assert oracle.close(told["totals"]["span_seconds"], span / 1e6)
    assert oracle.close(told["totals"]["answers_per_second"], rate)
    assert oracle.close(told["totals"]["answers_per_hour"], None if rate is None else 3600 * rate)
    share(told["success"], hits, len(settled))
    quick = sum(seconds <= WITHIN * 1e6 for seconds in felt)
    good_put = dict(told["goodput"])
    assert oracle.close(good_put.pop("per_second"), quick * 1e6 / span if span else None)
    assert good_put.pop("within_seconds") == WITHIN
    share(good_put, quick, len(settled))
    timed = [row for row in good if row["server"] is not None]
    for name, values in {
        "attempt": [row["us"] for row in good],
        "perceived": felt,
        "server": [row["server"] for row in timed],
        "overhead": [max(0, row["us"] - row["server"]) for row in timed],
        "refusal": [row["us"] for row in rows if row["code"] == 429],
        "first_token": [100_000] * len(good),
        "lateness": [],
        "intended": [],
    }.items():
        close(told["latency"][name], oracle.times(values))
    peak, bins = oracle.levels(rows)
    assert told["concurrency"]["peak"] == peak
    busy = sum(max(1, row["us"]) for row in rows)
    assert oracle.close(told["concurrency"]["mean"], busy / span if span else None)
    for level, plain in zip(told["concurrency"]["levels"], bins, strict=True):
        assert (level["low"], level["high"], level["time_us"]) == (plain["low"], plain["high"], plain["us"])
        assert oracle.close(level["throughput"], plain["throughput"])
        assert oracle.close(level["mean_seconds"], plain["mean"])
    assert told["failures"] == Counter(row["failure_reason"] for row in rows if row["failure_reason"])
    assert told["statuses"] == Counter(row["status_code"] for row in rows)
    for table, column in (("endpoints", "endpoint"), ("characters", "character_name")):
        assert told[table].keys() == {row[column] for row in rows}
        for name, group in told[table].items():
            own = [row for row in rows if row[column] == name]
            assert (group["attempts"], group["answered"]) == (len(own), sum(row["ok"] for row in own))
            close(group["latency"], oracle.times([row["us"] for row in own if row["ok"]]))


def line(said: str, label: str) -> str:
    """What stands beside a label on the screen."""
    found = re.search(rf"· {label}\s{{2,}}(\S.*)", said)
    assert found, (label, said)
    return found[1].strip()


def written(times: dict[str, Any]) -> str:
    known = [
        f"{name} {times[name]:.3f}"
        for name in ("mean", "p50", "p95", "p99", "max")
        if times[name] is not None
    ]
    return f"{', '.join(known)} s (n = {times['n']})"


@settings(max_examples=40, deadline=None)
@given(text=csv_texts(most=60))
def test_every_number_on_the_screen_equals_the_plain_computation(text: str) -> None:
    told = {**told_of(text), "goals": [], "checks": [], "rooms": {"failed": 2}}
    rows = oracle.load(text)
    chains = oracle.questions(rows)
    settled = [chain for chain in chains if not chain[-1]["again"]]
    hits, span = sum(map(oracle.answered, chains)), oracle.span(rows)
    console = Terminal()
    with console.capture() as capture:
        show(console, Verdict(Exit.PASSED, ()), told, "results/x")
    said = capture.get()
    failed = len(settled) - hits
    ends = f"{len(chains)}: {hits} answered, {failed} failed, {len(chains) - len(settled)} open"
    left = oracle.waits(chains)["left"]
    waited = f" ({left} of the failed waited out a 429 when their stage or the run ended)" if left else ""
    assert line(said, "questions") == ends + waited
    refused = sum(row["code"] == 429 for row in rows)
    flying = ", 1 in flight at the end"
    assert line(said, "attempts") == f"{len(rows)}, {refused} refused with 429{flying}"
    low, high = (100 * edge for edge in oracle.interval(hits, len(settled)))
    if settled:
        shares = f"{100 * hits / len(settled):.2f} % of n = {len(settled)} (95 %: {low:.2f} to {high:.2f})"
        assert line(said, "success") == shares
    felt = oracle.perceived(chains)
    if felt:
        assert line(said, "perceived") == written(oracle.times(felt))
    good = sum(row["ok"] for row in rows)
    assert line(said, "throughput") == (f"{good * 3.6e9 / span:.2f} answers/h" if span else "-")
    assert line(said, "concurrency").endswith(f"peak {oracle.levels(rows)[0]}")
    assert line(said, "rooms") == "2 users' rooms could not be deleted"
    assert "PASSED" in said
