"""Why a run got its verdict: the same in the file, on the terminal and on the page in both languages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests.loadtest.browsing import opened
from tests.loadtest.published import FEW, NAME, finished_run

from loadtest.judge.judgement import told
from loadtest.judge.reasons import SENTENCES, Reason
from loadtest.judge.verdict import Exit, Verdict, decide
from loadtest.record.rows import Attempt
from loadtest.report import dashboard, publish
from loadtest.report.dashboard.page import build_page

ASSETS = Path(dashboard.__file__).parent / "assets"


def entries(name: str) -> dict[str, set[str]]:
    """The keys of a script's dictionary, each with the places in its sentence."""
    found = re.findall(r'^  (\w+):\s+"(.*)",$', (ASSETS / f"{name}.js").read_text(), re.MULTILINE)
    return {key: places(text) for key, text in found}


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_reason_has_a_korean_sentence_with_the_same_values() -> None:
    assert entries("reasons") == {code: places(sentence) for code, sentence in SENTENCES.items()}


def test_both_languages_have_the_same_words() -> None:
    assert entries("words_ko") == entries("words_en")
    assert len(entries("words_ko")) > 100


def test_a_verdict_tells_goal_and_reason() -> None:
    row = Attempt(
        user_id="u",
        test_type="office",
        endpoint="/",
        status_code=200,
        duration_us=1,
        success=True,
        start_us=0,
    )
    (reason,) = decide([row], [], [FEW]).reasons
    assert str(reason) == "p99<=9: cannot be decided, n = 40, needs 299"
    assert reason.coded() == {
        "code": "undecidable",
        "values": {"why": {"code": "few_values", "values": {"n": 40, "needed": 299}, "about": ""}},
        "about": "p99<=9",
    }


def without_codes(value: Any) -> Any:
    """As a file of an older version holds it."""
    if isinstance(value, dict):
        return {key: without_codes(inner) for key, inner in value.items() if key != "coded"}
    return [without_codes(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.browser
def test_the_page_gives_reasons_in_its_language(browser: Browser, tmp_path: Path) -> None:
    finished_run(tmp_path)
    csv = (tmp_path / NAME / "results.csv").read_bytes()
    summary = publish.read(tmp_path / NAME / publish.SUMMARY)
    summary["verdict"] = told(
        Verdict(
            Exit.INVALID,
            (
                Reason("ended_with", {"number": 2, "exit": 1}, "generators"),
                Reason("trouble", {"what": "$& {part} <b>"}, "finished"),
                Reason("undecidable", {"why": FEW.why}, FEW.goal),
            ),
        )
    )
    strange = json.loads(json.dumps(summary))
    strange["verdict"]["coded"][2]["values"]["why"]["code"] = "constructor"
    pages = {"now": summary, "older": without_codes(summary), "strange": strange}
    for name, content in pages.items():
        (tmp_path / f"{name}.html").write_bytes(build_page(csv=csv, summary=content, manifest={"rows": 50}))
    english = [
        "generators: generator 2 ended with code 1 (locust.log says why)",
        "finished: $& {part} <b>",
        "p99<=9: cannot be decided, n = 40, needs 299",
    ]
    korean = [
        "발생기: 발생기 2: 종료 코드 1 (이유는 locust.log에)",
        "마무리: $& {part} <b>",
        "p99<=9: 판단할 수 없음 (n = 40, 299 이상 필요)",
    ]
    expected = {"now": korean, "older": english, "strange": english}
    with opened(browser, offline=True, locale="ko-KR") as page:
        for name, lines in expected.items():
            page.goto((tmp_path / f"{name}.html").as_uri())
            page.get_by_test_id("banner").wait_for()
            assert page.locator(".banner li").all_inner_texts() == lines
            detail = "행 50개, 빠지거나 깨지거나 겹친 것 없음"
            known = page.locator("#gates td", has_text=detail).count()
            assert known == (name != "older")
        page.click("#language")
        assert page.locator(".banner li").all_inner_texts() == english
