"""The services' own counters: how they are asked for, and how they are held against the rows."""

from dataclasses import replace

import pytest
from tests.loadtest import fake_service as fakes
from tests.loadtest.test_loadtest_judging import GOOD, ended, failed, part, run_of

from loadtest.client.asking import UnreachableError
from loadtest.client.counters import Count, addresses, performance, scrape
from loadtest.judge.checks import check_run
from loadtest.judge.reconcile import compare
from loadtest.record.parts import Ended


def count(source: str, uptime: float | None = 100.0, **outcomes: int) -> Count:
    told = dict.fromkeys(("successful", "failed", "refused", "cancelled"), 0) | outcomes
    return Count("http://a", source, "office", told, uptime)


def reconciled(rows: list[Ended], after: list[Count], before: list[Count] | None = None) -> dict[str, str]:
    first = before if before is not None else [count("performance", 0.0), count("metrics", None)]
    return {found.source: found.state for found in compare(rows, [], first, after, 100.0)}


ROWS = [
    ended(0, GOOD),
    ended(1, GOOD),
    ended(2, failed(429, "refused_429")),
    ended(3, failed(504, "http_504")),
    ended(4, failed(200, "deadline")),
]


@pytest.mark.parametrize(
    ("counted", "state"),
    [
        ({"successful": 2, "refused": 1, "failed": 2}, "agree"),
        ({"successful": 1, "refused": 1, "failed": 2}, "mismatch"),
        ({"successful": 2, "refused": 1, "failed": 2, "cancelled": 1}, "foreign"),
        ({"successful": 3, "refused": 0, "failed": 2}, "mismatch"),
    ],
)
def test_counters_are_held_against_rows(counted: dict[str, int], state: str) -> None:
    after = [count("performance", **counted), count("metrics", None, **counted)]
    assert reconciled(ROWS, after) == {"performance": state, "metrics": state}


NO_ANSWER = Ended("q1-0", "q1", GOOD.start_us, failed(0, "timeout"), {})
LEFT_EARLY = ended(1, failed(200, "bad_body"), stream=True)


@pytest.mark.parametrize("other", [NO_ANSWER, LEFT_EARLY])
@pytest.mark.parametrize("counted", [{"successful": 1}, {"successful": 1, "cancelled": 1}, {"successful": 2}])
def test_a_request_without_a_whole_answer_may_be_counted_or_not(
    counted: dict[str, int], other: Ended
) -> None:
    rows = [ended(0, GOOD), other]
    assert reconciled(rows, [count("performance", **counted)])["performance"] == "agree"


def test_a_restarted_or_silent_service_proves_nothing() -> None:
    assert (
        reconciled(ROWS, [count("performance", 5.0, successful=2, refused=1, failed=2)])["performance"]
        == "restarted"
    )
    assert reconciled(ROWS, [], [])["performance"] == "absent"
    for state in ("foreign", "restarted", "absent"):
        comparisons = compare(ROWS, [], [], [], 1.0)
        told = [replace(each, state=state) for each in comparisons]
        check = check_run(
            run_of(part(9)),
            generators=1,
            exit_codes=[0],
            interrupted=False,
            plan=[],
            comparisons=told,
            most_lag=1,
        )[-1]
        assert check.state == "not_provable"


def test_scraping_takes_both_sources_and_every_address() -> None:
    fake = fakes.Fake()
    fake.counts["office", "successful"] = 5
    with fakes.running(fake):
        found = scrape([fake.url, "http://127.0.0.1:9"], ["office"])
        assert [(each.source, each.outcomes["successful"]) for each in found] == [
            ("performance", 5),
            ("metrics", 5),
        ]
        port = fake.url.rpartition(":")[2]
        assert addresses(f"http://localhost:{port}/") == [(f"http://127.0.0.1:{port}", f"localhost:{port}")]
    assert addresses("https://example.org/x/") == [("https://example.org/x", None)]


@pytest.mark.parametrize("odd", ["5", [5], None, 5.5])
def test_counters_of_an_odd_type_are_no_counters(odd: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fakes._Handler, "_performance", lambda *_: {"total_requests": 5, "failed_requests": odd}
    )
    with fakes.running(fakes.Fake()) as fake:
        with pytest.raises(UnreachableError, match="failed_requests is not a whole number"):
            performance(fake.url, "office")
        assert scrape([fake.url], ["office"]) == []


@pytest.mark.parametrize("value", ["1.2.3", "9e999"])
def test_metrics_that_are_no_numbers_are_no_source(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = f'chatbot_requests_total{{outcome="failed",service="office"}} {value}'
    monkeypatch.setattr(fakes._Handler, "_metrics", lambda _: line)
    with fakes.running(fakes.Fake()) as fake:
        assert [found.source for found in scrape([fake.url], ["office"])] == ["performance"]
