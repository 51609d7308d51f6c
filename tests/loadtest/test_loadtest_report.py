"""The page with a run inside it, beside its runs on a server, at every size, and with very many rows."""

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.loadtest.browsing import drawn, load, number, opened, read
from tests.loadtest.published import finished_run, web_server
from tests.loadtest.strategies import HEADER, huge

from loadtest.report import publish
from loadtest.report.dashboard.page import build_page

pytestmark = pytest.mark.browser
logger = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    finished_run(results)
    return results


@pytest.fixture(scope="module")
def server(results: Path) -> Iterator[str]:
    with web_server(results) as address:
        yield address


def shown(page: Page) -> dict[str, dict[str, str]]:
    page.get_by_test_id("banner").wait_for()
    return read(page)


def test_a_report_stands_alone(browser: Browser, results: Path) -> None:
    with opened(browser, offline=True, locale="ko-KR") as page:
        page.goto((results / "first-run/report.html").as_uri())
        found = shown(page)
        drawn(page)
        assert page.locator(".plot svg").count() > 7
    assert found["banner"]["value"] == "missed"
    assert (found["attempts"]["value"], found["questions"]["value"]) == ("50", "40")
    assert (found["goal-0-state"]["text"], found["check-0-state"]["text"]) == ("목표 미달", "정상")


def test_a_run_opens_by_its_address(browser: Browser, server: str) -> None:
    with opened(browser, allowed=server, locale="en-US") as page:
        page.goto(f"{server}/index.html?run=first-run&with=first-run")
        page.get_by_test_id("compare-mean-word").wait_for()
        found = read(page)
        assert number(found["compare-mean-change"]) == 0
        page.goto(f"{server}/")
        page.get_by_role("link", name="first-run").click()
        alone = shown(page)
        assert page.url.endswith("?run=first-run")
    assert alone == {
        name: value for name, value in found.items() if not name.startswith(("compare-", "ecdf-1"))
    }


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "absent"])
def test_a_run_that_is_not_there(browser: Browser, server: str, name: str) -> None:
    with opened(browser, allowed=server, forgiven="status of 404", locale="en-US") as page:
        page.goto(f"{server}/?run={name}")
        page.wait_for_function("() => document.getElementById('message').className === 'problem'")
        assert page.locator("#message").inner_text().startswith("Cannot open:")
        assert page.locator("#content").inner_text() == ""


def test_an_unfinished_run_says_so(browser: Browser, server: str, results: Path) -> None:
    folder = results / "killed-run"
    folder.mkdir()
    (folder / "results.csv").write_bytes((results / "first-run/results.csv").read_bytes())
    with opened(browser, allowed=server, forgiven="status of 404", locale="en-US") as page:
        page.goto(f"{server}/?run=killed-run")
        found = shown(page)
    assert found["banner"]["value"] == "invalid"
    assert "Running, or cut off" in found["banner"]["text"]


def test_a_run_without_rows_says_what_to_do(browser: Browser, server: str, results: Path) -> None:
    (results / "young-run").mkdir()
    publish.write_json(results / "young-run/run.json", {"id": "young-run", "started": "2026-11-25T03:00:00Z"})
    publish.index(results)
    with opened(browser, allowed=server, forgiven="status of 404", locale="en-US") as page:
        page.goto(f"{server}/")
        item = page.locator("#run-list li", has_text="young-run")
        item.wait_for()
        assert "Running, or cut off" in item.inner_text()
        item.get_by_role("link").click()
        page.wait_for_function("() => document.getElementById('message').className === 'problem'")
        assert "loadtest report" in page.locator("#message").inner_text()


def test_runs_on_a_server_are_compared_by_choice(browser: Browser, server: str, results: Path) -> None:
    shutil.copytree(results / "first-run", results / "second-run")
    publish.index(results)
    with opened(browser, allowed=server, locale="en-US") as page:
        page.goto(f"{server}/?run=first-run")
        page.get_by_label("Compare with").select_option("second-run")
        page.get_by_test_id("compare-mean-word").wait_for()
        assert page.url.endswith("?run=first-run&with=second-run")
        assert page.get_by_label("Compare with").input_value() == "second-run"
        page.locator("#language").click()
        page.get_by_role("link", name="모든 실행").click()
        page.get_by_role("link", name="second-run").wait_for()
    shutil.rmtree(results / "second-run")


def test_what_nobody_judged_says_so(browser: Browser, results: Path) -> None:
    csv = (results / "first-run/results.csv").read_bytes()
    unjudged = results / "unjudged.html"
    unjudged.write_bytes(
        build_page(csv=csv, summary={"run": {}, "verdict": {"word": "unjudged", "reasons": []}})
    )
    with opened(browser, offline=True, locale="en-US") as page:
        page.goto(unjudged.as_uri())
        found = shown(page)
    assert found["banner"]["value"] == "unjudged"
    assert "Not judged" in found["banner"]["text"]


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1920, "light")])
def test_it_fits_and_is_reachable(browser: Browser, results: Path, width: int, scheme: Any) -> None:
    view = {"width": width, "height": 900}
    with opened(browser, offline=True, viewport=view, color_scheme=scheme) as page:
        page.goto((results / "first-run/report.html").as_uri())
        shown(page)
        drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for figure in page.locator("figure").all():
            assert figure.locator("figcaption p").inner_text().strip()
            assert (figure.locator(".plot").get_attribute("aria-label") or "").strip()
            figure.locator("summary").focus()
            page.keyboard.press("Enter")
            assert figure.locator("table tbody tr").first.is_visible()
        for table in page.locator("table").all():
            assert (table.locator("caption").text_content() or "").strip()
        assert [
            button.inner_text() for button in page.get_by_role("button").all() if not button.inner_text()
        ] == []


_WATCH = """() => {
  window.took = {};
  const mark = (name) => { took[name] ??= performance.now() - took.begin; };
  document.getElementById("open-file").addEventListener(
    "change", () => { window.took = { begin: performance.now() }; }, true);
  new MutationObserver(() => {
    const { shown, drawn } = document.body.dataset;
    if (shown) mark("shown");
    if (shown && shown === drawn) mark("drawn");
  }).observe(document.body, { attributes: true });
}"""


def test_a_hundred_thousand_rows_within_seconds(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text(huge(100_000))
    blank = tmp_path / "dashboard.html"
    blank.write_bytes(build_page())
    with opened(browser, offline=True) as page:
        page.goto(blank.as_uri())
        page.evaluate(_WATCH)
        found = load(page, path)
        drawn(page)
        took = {name: ms / 1000 for name, ms in page.evaluate("took").items()}
    logger.info("100,000 rows: numbers after %.1f s, charts after %.1f s", took["shown"], took["drawn"])
    assert found["attempts"]["value"] == "100000"
    assert took["drawn"] < 20, "seconds, even on two busy cores"


def test_the_policy_of_the_page_is_strict() -> None:
    html = build_page(csv=f"{HEADER}\n".encode(), summary={"x": "</script><b>"}).decode()
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert found
    rules = dict(rule.split(" ", 1) for rule in found[1].split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in found[1]
    assert all(part.startswith("'sha256-") for part in f"{rules['script-src']} {rules['style-src']}".split())
    assert "</script><b>" not in html
    assert not re.search(r"https?://", html.split("<script>")[-1])
