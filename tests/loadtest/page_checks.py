"""Compares what the dashboard's page shows with the plain computation of the same rows."""

import math
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from tests.loadtest import oracle
from tests.loadtest.browsing import grouped, number

Shown = dict[str, dict[str, str]]


def rounded(value: float, digits: int) -> str:
    """As JavaScript's toFixed rounds: the exact binary value, halves up."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))


def assert_shown(shown: Shown, name: str, expected: float | None, digits: int | None = None) -> None:
    """The exact value, and the text that a person reads."""
    found = shown[name]
    assert oracle.close(number(found), expected), (name, found, expected)
    if expected is None:
        assert found["text"] == "–" or found["text"].startswith("n < "), (name, found)
    elif digits is None:
        assert grouped(found["text"]) == expected, (name, found)
    else:
        value = number(found)
        assert value is not None
        assert found["text"].split(" ")[0] == rounded(value, digits), (name, found)


def assert_times(shown: Shown, prefix: str, values: list[int]) -> None:
    plain = oracle.times(values)
    assert_shown(shown, f"{prefix}-n", plain["n"])
    for name in ("mean", "p50", "p90", "p95", "p99", "max"):
        assert_shown(shown, f"{prefix}-{name}", plain[name], 3)


def assert_page(shown: Shown, text: str) -> None:
    rows = oracle.load(text)
    chains = oracle.questions(rows)
    settled = [chain for chain in chains if not chain[-1]["again"]]
    hits = sum(map(oracle.answered, chains))
    felt = oracle.perceived(chains)
    good = [row for row in rows if row["ok"]]
    assert_shown(shown, "questions", len(chains))
    assert_shown(shown, "attempts", len(rows))
    assert_shown(shown, "refused", sum(row["code"] == 429 for row in rows))
    assert oracle.close(number(shown["success"]), hits / len(settled) if settled else None)
    if settled:
        assert shown["success"]["text"] == f"{rounded(100 * (hits / len(settled)), 2)} %"
    assert_shown(shown, "mean", oracle.times(felt)["mean"], 3)
    assert_shown(shown, "longest", oracle.times(felt)["max"], 3)
    assert_shown(shown, "p95", oracle.times(felt)["p95"], 3)
    assert_times(shown, "time-attempt", [row["us"] for row in good])
    assert_times(shown, "time-perceived", felt)
    timed = [row for row in good if row["server"] is not None]
    assert_times(shown, "time-server", [row["server"] for row in timed])
    assert_times(shown, "time-overhead", [max(0, row["us"] - row["server"]) for row in timed])
    assert_times(shown, "time-refusal", [row["us"] for row in rows if row["code"] == 429])
    assert_waits(shown, chains, len(settled) - hits)
    assert_concurrency(shown, rows)
    assert_histogram(shown, felt)
    assert_timeline(shown, rows, chains)
    assert_tables(shown, rows)
    for percent in (1, 5, 10, 25, 50, 75, 90, 95, 99, 100):
        assert_shown(shown, f"ecdf-0-p{percent}", oracle.quantile(felt, percent) if felt else None, 3)


def assert_waits(shown: Shown, chains: list[list[dict[str, Any]]], failed: int) -> None:
    plain = oracle.waits(chains)
    for name in ("honoured", "kept"):
        assert_shown(shown, f"promises-{name}", plain[name])
    assert_shown(shown, "promises-promised", plain["promises"])
    assert oracle.close(number(shown["promises-error"]), plain["error"])
    assert {k: v["value"] for k, v in shown.items() if k.startswith("funnel-after-")} == {
        f"funnel-after-{retries}": str(count) for retries, count in plain["after"].items()
    }
    assert_shown(shown, "funnel-exhausted", plain["exhausted"] - plain["left"])
    assert_shown(shown, "funnel-left", plain["left"])
    assert_shown(shown, "funnel-other", failed - plain["exhausted"])
    assert_shown(shown, "funnel-open", plain["open"])
    assert_shown(shown, "pie-answered", sum(plain["after"].values()))
    assert_shown(shown, "pie-refused", plain["exhausted"])
    assert_shown(shown, "pie-failed", failed - plain["exhausted"])
    assert_shown(shown, "pie-open_", plain["open"])


def assert_concurrency(shown: Shown, rows: list[dict[str, Any]]) -> None:
    peak, bins = oracle.levels(rows)
    assert_shown(shown, "peak", peak)
    assert sum(name.endswith("-throughput") for name in shown) == len(bins)
    for i, plain in enumerate(bins):
        assert number(shown[f"level-{i}-us"]) == plain["us"]
        assert oracle.close(number(shown[f"level-{i}-answers"]), plain["answers"])
        assert_shown(shown, f"level-{i}-throughput", plain["throughput"], 3)
        assert_shown(shown, f"level-{i}-mean", plain["mean"], 3)
    span = oracle.span(rows)
    rate = sum(row["ok"] for row in rows) * 3.6e9 / span if span else None
    assert_shown(shown, "throughput", rate, 1)
    knee, sentence = oracle.knee(bins, span), shown["users-sentence"]["text"]
    if not knee:
        assert sentence.startswith("Not enough data")
        return
    begin = "Knee at or below" if knee["lowest"] else "Knee:"
    assert sentence.startswith(begin if knee["reached"] else "Knee not reached")
    assert f"{knee['high']} in flight" in sentence
    assert not knee["reached"] or f"{rounded(knee['throughput'], 3)} answers a second" in sentence


def assert_histogram(shown: Shown, felt: list[int]) -> None:
    counts = [int(v["value"]) for k, v in sorted_by_number(shown, "histogram", "count")]
    lows = [int(v["value"]) for k, v in sorted_by_number(shown, "histogram", "low")]
    assert sum(counts) == len(felt)
    if not felt:
        assert counts == []
        return
    width = next(step * 10**k for k in range(12) for step in (1, 2, 5) if max(felt) // (step * 10**k) < 40)
    assert lows == [i * width for i in range(max(felt) // width + 1)]
    assert counts == [sum(low <= value < low + width for value in felt) for low in lows]


def assert_timeline(shown: Shown, rows: list[dict[str, Any]], chains: list[list[dict[str, Any]]]) -> None:
    medians = sorted_by_number(shown, "timeline", "median")
    if not rows:
        assert medians == []
        return
    begin = min(row["at"] for row in rows)
    span = max(row["at"] + max(1, row["us"]) for row in rows) - begin
    widths = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
    width = next(w for w in widths if span < 120 * w * 1_000_000) * 1_000_000
    assert len(medians) == max(1, math.ceil(span / width))
    waits = [(a["at"] + a["us"], b["at"]) for chain in chains for a, b in pairwise(chain)]
    for i in range(len(medians)):
        low, high = begin + i * width, begin + (i + 1) * width
        own = [row for row in rows if low <= row["at"] < high]
        good = [row["us"] for row in own if row["ok"]]
        assert_shown(shown, f"timeline-{i}-answered", len(good))
        assert_shown(shown, f"timeline-{i}-refused", sum(not row["ok"] and row["code"] == 429 for row in own))
        assert_shown(shown, f"timeline-{i}-failed", sum(not row["ok"] and row["code"] != 429 for row in own))
        assert_shown(shown, f"timeline-{i}-median", oracle.quantile(good, 50) if good else None, 3)
        for code in {row["code"] for row in rows}:
            assert_shown(shown, f"codes-{i}-{code}", sum(row["code"] == code for row in own))
        busy = sum(max(0, min(r["at"] + max(1, r["us"]), high) - max(r["at"], low)) for r in rows)
        idle = sum(max(0, min(b, high) - max(a, low)) for a, b in waits)
        assert oracle.close(number(shown[f"flight-{i}"]), busy / width)
        assert oracle.close(number(shown[f"waits-{i}"]), idle / width)


def assert_tables(shown: Shown, rows: list[dict[str, Any]]) -> None:
    for name, column in (("reason", "failure_reason"), ("status", "code")):
        plain = Counter(str(row[column]) for row in rows if row[column] != "")
        assert plain == {
            shown[f"{name}-{i}-name"]["value"]: int(shown[f"{name}-{i}"]["value"]) for i in range(len(plain))
        }
    for name, column in (("endpoint", "endpoint"), ("character", "character_name")):
        groups = {row[column] for row in rows}
        assert {
            v["value"] for k, v in shown.items() if k.startswith(f"{name}-") and k.endswith("-name")
        } == groups
        for i in range(len(groups)):
            own = [row for row in rows if row[column] == shown[f"{name}-{i}-name"]["value"]]
            good = [row["us"] for row in own if row["ok"]]
            assert_shown(shown, f"{name}-{i}-attempts", len(own))
            assert_shown(shown, f"{name}-{i}-answered", len(good))
            for statistic in ("mean", "p50", "p95", "max"):
                assert_shown(shown, f"{name}-{i}-{statistic}", oracle.times(good)[statistic], 3)
    errors = [row["error"] for row in rows if not row["ok"] and row["code"] != 429]
    assert [shown[f"failure-{i}-error"]["text"] for i in range(min(100, len(errors)))] == errors[:100]


def sorted_by_number(shown: Shown, head: str, tail: str) -> list[tuple[int, dict[str, str]]]:
    found = [
        (k.split("-"), v) for k, v in shown.items() if k.startswith(f"{head}-") and k.endswith(f"-{tail}")
    ]
    return sorted(((int(parts[1]), value) for parts, value in found), key=lambda pair: pair[0])
