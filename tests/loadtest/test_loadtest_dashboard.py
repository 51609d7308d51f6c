"""The page in a real browser: each number against the plain computation, whatever the file holds."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from playwright.sync_api import Browser, Page
from tests.loadtest import oracle
from tests.loadtest.browsing import drawn, load, number, opened, read
from tests.loadtest.page_checks import assert_page, assert_times, sorted_by_number
from tests.loadtest.strategies import HEADER, csv_texts
from tests.loadtest.test_loadtest_summary import told_of

from loadtest.record.reading import read_text
from loadtest.report.dashboard.page import build_page
from loadtest.stats.comparison import compare_runs

pytestmark = pytest.mark.browser


EXAMPLES = int(os.environ.get("LOADTEST_EXAMPLES", "12"))


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
    assert_page(load(page, path), text)


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
    assert_page(shown, text)
    good = sum(row["ok"] for row in oracle.load(text))
    if good:
        assert_times(shown, "time-first_token", [100_000] * good)


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
