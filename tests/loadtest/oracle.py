"""A second, deliberately plain computation of every number, to hold the product's two against.

It takes rows as dictionaries of CSV cells (as csv.DictReader gives them) and counts with fractions and
loops; nothing of it is shared with src/loadtest.
"""

import csv
import io
import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

ENOUGH = {50: 5, 90: 29, 95: 59, 99: 299}
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def us_of(text: str) -> int:
    """Seconds in a cell as microseconds, halves up."""
    return int((Decimal(text) * 1_000_000).quantize(Decimal(1), rounding="ROUND_HALF_UP"))


def close(left: float | None, right: float | None) -> bool:
    """Equal but for the rounding of a division; None equals None only."""
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)


def load(text: str) -> list[dict[str, Any]]:
    rows = []
    for cells in csv.DictReader(io.StringIO(text, newline="")):
        start = datetime.fromisoformat(cells["timestamp"])
        rows.append(
            {
                **cells,
                "at": (start - EPOCH) // timedelta(microseconds=1),
                "us": us_of(cells["response_time"]),
                "ok": cells["success"] == "True",
                "code": int(cells["status_code"]),
                "again": cells["is_retry_record"] == "True",
                "after": us_of(cells["retry_after_seconds"]) if cells["retry_after_seconds"] else None,
                "server": us_of(cells["process_time"]) if cells["process_time"] else None,
            }
        )
    return rows


def times(values: list[int]) -> dict[str, Any]:
    """n, mean, percentiles by definition: the smallest value that at least p % of all do not exceed."""
    result: dict[str, Any] = {"n": len(values)}
    result["mean"] = float(Fraction(sum(values), len(values)) / 1_000_000) if values else None
    result["max"] = max(values) / 1e6 if values else None
    for percent, enough in ENOUGH.items():
        result[f"p{percent}"] = quantile(values, percent) if len(values) >= enough else None
    return result


def quantile(values: list[int], percent: int) -> float:
    fitting = [v for v in set(values) if 100 * sum(other <= v for other in values) >= percent * len(values)]
    return min(fitting) / 1e6


def interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson: the shares p with |hits/n - p| = z * sqrt(p (1 - p) / n), found by bisection."""
    if n == 0:
        return 0.0, 1.0
    share, z = hits / n, 1.959963984540054

    def inside(p: float) -> bool:
        return abs(share - p) <= z * math.sqrt(p * (1 - p) / n)

    edges = []
    for outer in (0.0, 1.0):
        near, far = share, outer
        if inside(outer):
            edges.append(outer)
            continue
        for _ in range(200):
            middle = (near + far) / 2
            near, far = (middle, far) if inside(middle) else (near, middle)
        edges.append(near)
    return edges[0], edges[1]


def questions(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    users = defaultdict(list)
    for row in rows:
        users[row["user_id"]].append(row)
    chains = []
    for own in users.values():
        chain: list[dict[str, Any]] = []
        for row in sorted(own, key=lambda row: row["at"]):
            chain.append(row)
            if not row["again"]:
                chains.append(chain)
                chain = []
        if chain:
            chains.append(chain)
    return chains


def answered(chain: list[dict[str, Any]]) -> bool:
    return bool(chain[-1]["ok"] and not chain[-1]["again"])


def perceived(chains: list[list[dict[str, Any]]]) -> list[int]:
    return [max(0, c[-1]["at"] + c[-1]["us"] - c[0]["at"]) for c in chains if answered(c)]


def levels(rows: list[dict[str, Any]]) -> tuple[int, list[dict[str, Any]]]:
    """Peak, and per bin of levels: time, answers by share, mean of those that began there. Quadratic on
    purpose.
    """
    spans = [(row["at"], row["at"] + max(1, row["us"])) for row in rows]
    moments = sorted({edge for span in spans for edge in span})
    segments = [(a, b, sum(s <= a and b <= e for s, e in spans)) for a, b in pairwise(moments)]
    began = []
    for i, (start, _) in enumerate(spans):
        before = sum((s, j) <= (start, i) for j, (s, _) in enumerate(spans))
        gone = sum(e <= start for _, e in spans)
        began.append(before - gone)
    peak = max(began, default=0)
    width = math.ceil(peak / 20) or 1
    bins = []
    for low in range(1, peak + 1, width):
        high = min(low + width - 1, peak)
        inside = [(a, b) for a, b, level in segments if low <= level <= high]
        shares = Fraction(0)
        for row, (s, e) in zip(rows, spans, strict=True):
            if row["ok"]:
                shares += Fraction(sum(b - a for a, b in inside if s <= a and b <= e), max(1, row["us"]))
        good = [
            row["us"] for row, level in zip(rows, began, strict=True) if low <= level <= high and row["ok"]
        ]
        spent = sum(b - a for a, b in inside)
        bins.append(
            {
                "low": low,
                "high": high,
                "us": spent,
                "answers": float(shares),
                "throughput": float(shares * 1_000_000 / spent) if spent else None,
                "mean": float(Fraction(sum(good), len(good)) / 1_000_000) if good else None,
            }
        )
    return peak, bins


def span(rows: list[dict[str, Any]]) -> int:
    """Microseconds from the first start to the last end."""
    if not rows:
        return 0
    return int(max(row["at"] + max(1, row["us"]) for row in rows) - min(row["at"] for row in rows))


def refused_last(chain: list[dict[str, Any]]) -> bool:
    return not chain[-1]["again"] and not chain[-1]["ok"] and chain[-1]["code"] == 429


def knee(bins: list[dict[str, Any]], span: int) -> dict[str, Any] | None:
    """Levels with ten answers and a twentieth of the time; the first with 95 % of the best of them."""
    fit = [b for b in bins if b["throughput"] and b["answers"] >= 10 and 20 * b["us"] >= span]
    if not fit or max(b["high"] for b in fit) < 2 * min(b["high"] for b in fit):
        return None
    found = min((b for b in fit if b["throughput"] >= 0.95 * max(o["throughput"] for o in fit)), key=_high)
    return {
        **found,
        "reached": found["high"] < max(map(_high, fit)),
        "lowest": found["high"] == _high(fit[0]),
    }


def _high(level: dict[str, Any]) -> int:
    return int(level["high"])


def differences(earlier: list[dict[str, Any]], later: list[dict[str, Any]]) -> dict[str, Any]:
    """Earlier, later and the 95 % interval of the change, for what has an interval by formula."""
    found: dict[str, Any] = {}
    sides = [questions(rows) for rows in (earlier, later)]
    done = [[chain for chain in chains if not chain[-1]["again"]] for chains in sides]
    counted = {
        "success": [(sum(map(answered, chains)), len(chains)) for chains in done],
        "refused": [(sum(row["code"] == 429 for row in rows), len(rows)) for rows in (earlier, later)],
    }
    for name, pairs in counted.items():
        if all(n for _, n in pairs):
            one, two = (
                (100 * hits / n, 100 * interval(hits, n)[0], 100 * interval(hits, n)[1]) for hits, n in pairs
            )
            found[name] = moved(one, two)
    felt = [perceived(chains) for chains in sides]
    if all(felt):
        for percent in (50, 95):
            first, second = (quantile(values, percent) for values in felt)
            around1, around2 = (quantile_interval(values, percent) for values in felt)
            found[f"p{percent}"] = (first, second, None, None)
            if around1 and around2:
                found[f"p{percent}"] = moved((first, *around1), (second, *around2))
    return found


def moved(one: tuple[float, float, float], two: tuple[float, float, float]) -> tuple[float, ...]:
    change = two[0] - one[0]
    low = change - math.hypot(two[0] - two[1], one[2] - one[0])
    return one[0], two[0], low, change + math.hypot(two[2] - two[0], one[0] - one[1])


def quantile_interval(values: list[int], percent: int) -> tuple[float, float] | None:
    """From the normal approximation of how many of n values lie below the percentile."""
    p, n = percent / 100, len(values)
    deviation = 1.959963984540054 * math.sqrt(n * p * (1 - p))
    ranks = math.floor(n * p - deviation), math.ceil(n * p + deviation)
    if ranks[0] < 1 or ranks[1] > n:
        return None
    low, high = (sorted(values)[rank - 1] / 1e6 for rank in ranks)
    return low, high


def waits(chains: list[list[dict[str, Any]]]) -> dict[str, Any]:
    pairs = [
        (a, b) for chain in chains for a, b in pairwise(chain) if a["code"] == 429 and a["after"] is not None
    ]
    errors = []
    for chain in chains:
        first = chain[0]
        if answered(chain) and first["code"] == 429 and first["after"]:
            needed = chain[-1]["at"] - first["at"] - first["us"]
            errors.append(math.floor(Fraction(abs(needed - first["after"]) * 1_000_000, first["after"])))
    return {
        "after": dict(sorted(Counter(len(c) - 1 for c in chains if answered(c)).items())),
        "exhausted": sum(map(refused_last, chains)),
        "left": sum(c[-1]["failure_reason"] == "gave_up" for c in chains if refused_last(c)),
        "open": sum(c[-1]["again"] for c in chains),
        "promises": len(pairs),
        "honoured": sum(b["at"] - a["at"] - a["us"] >= a["after"] - 1000 for a, b in pairs),
        "kept": sum(b["code"] != 429 for _, b in pairs),
        "error": quantile(errors, 50) if errors else None,
    }
