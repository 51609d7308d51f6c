"""The page in a real browser: each number against the plain computation, whatever the file holds."""

import math
import os
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from playwright.sync_api import Browser, Page
from tests.loadtest import oracle
from tests.loadtest.browsing import drawn, grouped, load, number, opened, read
from tests.loadtest.strategies import HEADER, csv_texts
from tests.loadtest.test_loadtest_summary import told_of

from loadtest.dashboard.page import build_page
from loadtest.reading import read_text
from loadtest.stats.comparison import compare_runs

pytestmark = pytest.mark.browser

EXAMPLES = int(os.environ.get("LOADTEST_EXAMPLES", "12"))

Shown = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page")
    (path / "dashboard.html").write_bytes(build_page())
    return path


@pytest.fixture(scope="module")
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    with opened(browser, offline=True, locale="en-US") as page:
        page.goto((folder / "dashboard.html").as_uri())
        yield page


def rounded(value: float, digits: int) -> str:
    """As JavaScript's toFixed rounds: the exact binary value, halves up."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))


def same(shown: Shown, name: str, expected: float | None, digits: int | None = None) -> None:
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


def check_times(shown: Shown, prefix: str, values: list[int]) -> None:
    plain = oracle.times(values)
    same(shown, f"{prefix}-n", plain["n"])
    for name in ("mean", "p50", "p90", "p95", "p99", "max"):
        same(shown, f"{prefix}-{name}", plain[name], 3)


def check_page(shown: Shown, text: str) -> None:
    rows = oracle.load(text)
    chains = oracle.questions(rows)
    settled = [chain for chain in chains if not chain[-1]["again"]]
    hits = sum(map(oracle.answered, chains))
    felt = oracle.perceived(chains)
    good = [row for row in rows if row["ok"]]
    same(shown, "questions", len(chains))
    same(shown, "attempts", len(rows))
    same(shown, "refused", sum(row["code"] == 429 for row in rows))
    assert oracle.close(number(shown["success"]), hits / len(settled) if settled else None)
    if settled:
        assert shown["success"]["text"] == f"{rounded(100 * (hits / len(settled)), 2)} %"
    same(shown, "mean", oracle.times(felt)["mean"], 3)
    same(shown, "longest", oracle.times(felt)["max"], 3)
    same(shown, "p95", oracle.times(felt)["p95"], 3)
    check_times(shown, "time-attempt", [row["us"] for row in good])
    check_times(shown, "time-perceived", felt)
    timed = [row for row in good if row["server"] is not None]
    check_times(shown, "time-server", [row["server"] for row in timed])
    check_times(shown, "time-overhead", [max(0, row["us"] - row["server"]) for row in timed])
    check_times(shown, "time-refusal", [row["us"] for row in rows if row["code"] == 429])
    check_waits(shown, chains, len(settled) - hits)
    check_concurrency(shown, rows)
    check_histogram(shown, felt)
    check_timeline(shown, rows, chains)
    check_tables(shown, rows)
    for percent in (1, 5, 10, 25, 50, 75, 90, 95, 99, 100):
        same(shown, f"ecdf-0-p{percent}", oracle.quantile(felt, percent) if felt else None, 3)


def check_waits(shown: Shown, chains: list[list[dict[str, Any]]], failed: int) -> None:
    plain = oracle.waits(chains)
    for name in ("honoured", "kept"):
        same(shown, f"promises-{name}", plain[name])
    same(shown, "promises-promised", plain["promises"])
    assert oracle.close(number(shown["promises-error"]), plain["error"])
    assert {k: v["value"] for k, v in shown.items() if k.startswith("funnel-after-")} == {
        f"funnel-after-{retries}": str(count) for retries, count in plain["after"].items()
    }
    same(shown, "funnel-exhausted", plain["exhausted"] - plain["left"])
    same(shown, "funnel-left", plain["left"])
    same(shown, "funnel-other", failed - plain["exhausted"])
    same(shown, "funnel-open", plain["open"])
    same(shown, "pie-answered", sum(plain["after"].values()))
    same(shown, "pie-refused", plain["exhausted"])
    same(shown, "pie-failed", failed - plain["exhausted"])
    same(shown, "pie-open_", plain["open"])


def check_concurrency(shown: Shown, rows: list[dict[str, Any]]) -> None:
    peak, bins = oracle.levels(rows)
    same(shown, "peak", peak)
    assert sum(name.endswith("-throughput") for name in shown) == len(bins)
    for i, plain in enumerate(bins):
        assert number(shown[f"level-{i}-us"]) == plain["us"]
        assert oracle.close(number(shown[f"level-{i}-answers"]), plain["answers"])
        same(shown, f"level-{i}-throughput", plain["throughput"], 3)
        same(shown, f"level-{i}-mean", plain["mean"], 3)
    span = oracle.span(rows)
    rate = sum(row["ok"] for row in rows) * 3.6e9 / span if span else None
    same(shown, "throughput", rate, 1)
    knee, sentence = oracle.knee(bins, span), shown["users-sentence"]["text"]
    if not knee:
        assert sentence.startswith("Not enough data")
        return
    begin = "Knee at or below" if knee["lowest"] else "Knee:"
    assert sentence.startswith(begin if knee["reached"] else "Knee not reached")
    assert f"{knee['high']} in flight" in sentence
    assert not knee["reached"] or f"{rounded(knee['throughput'], 3)} answers a second" in sentence


def check_histogram(shown: Shown, felt: list[int]) -> None:
    counts = [int(v["value"]) for k, v in sorted_by_number(shown, "histogram", "count")]
    lows = [int(v["value"]) for k, v in sorted_by_number(shown, "histogram", "low")]
    assert sum(counts) == len(felt)
    if not felt:
        assert counts == []
        return
    width = next(step * 10**k for k in range(12) for step in (1, 2, 5) if max(felt) // (step * 10**k) < 40)
    assert lows == [i * width for i in range(max(felt) // width + 1)]
    assert counts == [sum(low <= value < low + width for value in felt) for low in lows]


def check_timeline(shown: Shown, rows: list[dict[str, Any]], chains: list[list[dict[str, Any]]]) -> None:
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
        same(shown, f"timeline-{i}-answered", len(good))
        same(shown, f"timeline-{i}-refused", sum(not row["ok"] and row["code"] == 429 for row in own))
        same(shown, f"timeline-{i}-failed", sum(not row["ok"] and row["code"] != 429 for row in own))
        same(shown, f"timeline-{i}-median", oracle.quantile(good, 50) if good else None, 3)
        for code in {row["code"] for row in rows}:
            same(shown, f"codes-{i}-{code}", sum(row["code"] == code for row in own))
        busy = sum(max(0, min(r["at"] + max(1, r["us"]), high) - max(r["at"], low)) for r in rows)
        idle = sum(max(0, min(b, high) - max(a, low)) for a, b in waits)
        assert oracle.close(number(shown[f"flight-{i}"]), busy / width)
        assert oracle.close(number(shown[f"waits-{i}"]), idle / width)


def check_tables(shown: Shown, rows: list[dict[str, Any]]) -> None:
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
            same(shown, f"{name}-{i}-attempts", len(own))
            same(shown, f"{name}-{i}-answered", len(good))
            for statistic in ("mean", "p50", "p95", "max"):
                same(shown, f"{name}-{i}-{statistic}", oracle.times(good)[statistic], 3)
    errors = [row["error"] for row in rows if not row["ok"] and row["code"] != 429]
    assert [shown[f"failure-{i}-error"]["text"] for i in range(min(100, len(errors)))] == errors[:100]


def sorted_by_number(shown: Shown, head: str, tail: str) -> list[tuple[int, dict[str, str]]]:
    found = [
        (k.split("-"), v) for k, v in shown.items() if k.startswith(f"{head}-") and k.endswith(f"-{tail}")
    ]
    return sorted(((int(parts[1]), value) for parts, value in found), key=lambda pair: pair[0])


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=csv_texts())
@example(text=HEADER + "\n")
def test_every_shown_number_equals_the_plain_computation(page: Page, folder: Path, text: str) -> None:
    path = folder / "generated.csv"
    path.write_bytes(text.encode())
    check_page(load(page, path), text)


@settings(
    max_examples=max(3, EXAMPLES // 3),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=csv_texts(most=60))
def test_a_report_shows_the_same_numbers(browser: Browser, folder: Path, text: str) -> None:
    told = told_of(text)
    report = folder / "report.html"
    report.write_bytes(build_page(csv=text.encode(), summary=told, manifest={"rows": len(oracle.load(text))}))
    with opened(browser, offline=True, locale="en-US") as own:
        own.goto(report.as_uri())
        own.get_by_test_id("banner").wait_for()
        shown = read(own)
    check_page(shown, text)
    good = sum(row["ok"] for row in oracle.load(text))
    if good:
        check_times(shown, "time-first_token", [100_000] * good)


def test_nothing_in_a_file_becomes_markup(page: Page, folder: Path) -> None:
    nasty = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    cell = '"' + nasty.replace('"', '""') + '"'
    stamp = "2026-11-24T03:00:00.000Z"
    row = f"{cell},{cell},{cell},{cell},500,1.0,False,{cell},0,,{stamp},1,False,True,False,{cell},"
    path = folder / "nasty.csv"
    path.write_text(f"{HEADER}\n{row}\n")
    shown = load(page, path)
    assert shown["failure-0-error"]["text"] == nasty
    assert page.locator("#content img, #content script").count() == 0
    assert page.title() == "nasty.csv – Load test results"


def test_bad_rows_are_counted_and_other_files_refused(page: Page, folder: Path) -> None:
    good = "u,t,/e,c,200,1.5,True,,0,,2026-11-24T03:00:00.000Z,1,False,False,True,,"
    bad = ["u,t,/e,c,200,1.5", good.replace("1.5", "soon"), good.replace("03:00:00", "24:00:00"), good + ","]
    path = folder / "bad.csv"
    path.write_text("\ufeff" + "\r\n".join([HEADER, good, *bad, "", good]) + "\r\n", encoding="utf-8")
    shown = load(page, path)
    assert (shown["attempts"]["value"], shown["bad-rows"]["value"]) == ("2", "4")
    assert read_text(path.read_text()).bad_rows == 4
    wrong = folder / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    load(page, wrong)
    assert "status_code" in page.locator("#message").inner_text()


def test_the_older_shapes_load(page: Page, folder: Path) -> None:
    seventeen = folder / "older.csv"
    seventeen.write_text(
        HEADER.removesuffix(",process_time")
        + "\nchar_user_1,Character-Llama,/character/Llama,레이나,429,0.029,False,429_retry_attempt_1,1,190,"
        "2025-06-04 17:46:13,421,True,False,False,\n"
        "char_user_1,Character-Llama,/character/Llama,레이나,200,13.88,True,,1,0,"
        "2025-06-04 17:49:40,902,False,False,True,\n"
    )
    shown = load(page, seventeen)
    # Stamps mark the end there: the first attempt began 0.029 s before its stamp, the last ended at its own.
    assert (shown["questions"]["value"], number(shown["time-perceived-mean"])) == ("1", 207.029)
    assert shown["promises-kept"]["value"] == "1"
    assert "process_time" in shown["banner"]["text"]
    office = folder / "office.csv"
    office.write_text(
        "user_id,test_type,endpoint,google_access,question_length,status_code,response_time,success,timestamp,"
        "response_size\n"
        "office_user_1,Office-Llama,/office/Llama,True,20,200,31.5,True,2025-06-04 17:46:13,800\n"
        "office_user_2,Office-Llama,/office/Llama,False,20,500,2.5,False,2025-06-04 17:46:14,80\n"
    )
    shown = load(page, office)
    assert (shown["questions"]["value"], shown["success"]["value"]) == ("2", "0.5")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(one=csv_texts(), two=csv_texts())
@example(one=HEADER + "\n", two=HEADER + "\n")
def test_two_files_are_compared(page: Page, folder: Path, one: str, two: str) -> None:
    paths = [folder / "first.csv", folder / "second.csv"]
    for path, text in zip(paths, (one, two), strict=True):
        path.write_bytes(text.encode())
    shown = load(page, *paths)
    plain = oracle.differences(oracle.load(one), oracle.load(two))
    for found in compare_runs(*(read_text(path.read_bytes().decode()).attempts for path in paths)):
        if found.name in plain:
            earlier, later, low, high = plain[found.name]
        else:
            # The bootstrap is one algorithm in two languages; its coverage is tested elsewhere.
            earlier, later, low, high = found.earlier, found.later, found.low, found.high
        change = None if earlier is None or later is None else later - earlier
        for key, known in (("earlier", earlier), ("later", later), ("change", change)):
            told = number(shown[f"compare-{found.name}-{key}"])
            assert (told is None) == (known is None)
            assert told is None or told == pytest.approx(known, abs=1e-9)
        for key, known in (("low", low), ("high", high)):
            told = number(shown[f"compare-{found.name}-{key}"])
            assert (told is None) == (known is None)
            assert told is None or told == pytest.approx(known, abs=1e-6)
        word = "none" if low is None else "same" if low <= 0 <= high else "changed"
        assert shown[f"compare-{found.name}-word"]["value"] == word


def test_a_dropped_file_opens(page: Page) -> None:
    before = page.evaluate("Number(document.body.dataset.shown)")
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.items.add(new File([text], "dropped.csv", {type: "text/csv"}));
          window.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        f"{HEADER}\nu,t,/e,c,200,1.5,True,,0,,2026-11-24T03:00:00.000Z,1,False,False,True,,\n",
    )
    page.wait_for_function("(before) => Number(document.body.dataset.shown) > before", arg=before)
    assert "dropped.csv" in read(page)["banner"]["text"]
    assert read(page)["attempts"]["value"] == "1"


def test_log_scale_theme_and_language(page: Page, folder: Path) -> None:
    lines = [
        f"u{i},t,/e,c,200,{s},True,,0,,2026-11-24T03:00:00.000Z,1,False,False,True,,"
        for i, s in enumerate([0.0005, 0.0015, 0.0015, 0.3, 7.0])
    ]
    path = folder / "wide.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    load(page, path)
    page.get_by_test_id("log-scale").check()
    shown = read(page)
    lows = [int(v["value"]) for _, v in sorted_by_number(shown, "histogram", "low")]
    counts = [int(v["value"]) for _, v in sorted_by_number(shown, "histogram", "count")]
    assert lows == [
        0,
        *(step * 10**k for k in (3, 4, 5) for step in (1, 2, 5)),
        1_000_000,
        2_000_000,
        5_000_000,
    ]
    assert [low for low, count in zip(lows, counts, strict=True) for _ in range(count)] == [
        0,
        1000,
        1000,
        200_000,
        5_000_000,
    ]
    page.get_by_test_id("log-scale").uncheck()
    page.locator("#language").click()
    assert page.locator("h1").inner_text() == "부하 시험 결과"
    assert page.locator("html").get_attribute("lang") == "ko"
    page.locator("#language").click()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.locator("#theme").click()
    drawn(page)
