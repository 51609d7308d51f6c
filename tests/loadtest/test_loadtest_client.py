"""One question against a server that refuses, streams, breaks off and lies."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.loadtest import fake_service as fakes

from loadtest.client.events import read_events
from loadtest.client.exchange import parse_server_timing
from loadtest.client.question import Client, QuestionToSend
from loadtest.client.retry import MOST_RETRIES, PATIENCE_SECONDS, parse_retry_after, wait_before_retry
from loadtest.record import merge
from loadtest.record.parts import RecordedRun
from loadtest.record.recorder import Recorder
from loadtest.stats.questions import gather

SILENT = 4.0
NOW = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[fakes.Fake]:
    with fakes.running(fakes.Fake()) as fake:
        yield fake


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def ask(*, stream: bool = False) -> QuestionToSend:
    return QuestionToSend(
        service="character",
        user_id="u-1",
        body={"input_data": "안녕"},
        character_name="Rachel",
        stream=stream,
    )


def rows_of(recorder: Recorder, folder: Path) -> RecordedRun:
    recorder.close()
    return merge.load(folder)


def test_a_plain_answer_becomes_one_final_row(fake: fakes.Fake, recorder: Recorder, tmp_path: Path) -> None:
    fake.script.append(fakes.answer(0.05))
    begun = time.perf_counter()
    reply = Client(fake.url, recorder).ask(ask())
    took = time.perf_counter() - begun
    run = rows_of(recorder, tmp_path)
    (row,) = run.attempts
    assert reply.db_id == "123e4567-e89b-12d3-a456-426614174000"
    assert (row.status_code, row.success, row.is_final_success, row.is_retry) == (200, True, True, False)
    assert row.process_us == 50_000
    assert 50_000 <= row.duration_us <= 1e6 * took
    assert (row.user_id, row.test_type, row.endpoint) == ("u-1", "character", "/character/Llama")
    assert row.character_name == "Rachel"
    assert row.response_size == len('"네, 안녕하세요!"'.encode())
    assert run.ended[0].attempt_id == fake.journal[0]["id"]
    assert fake.journal[0]["affinity"] == "u-1"


def test_a_stream_tells_its_first_token(fake: fakes.Fake, recorder: Recorder, tmp_path: Path) -> None:
    fake.script.append(fakes.answer(0.2))
    Client(fake.url, recorder).ask(ask(stream=True))
    (ended,) = rows_of(recorder, tmp_path).ended
    assert ended.attempt.success
    assert 0.1 <= ended.extras["first_token"] <= ended.attempt.duration_us / 1e6 - 0.05
    assert ended.extras["finish_reason"] == "stop"
    assert ended.attempt.process_us == 200_000


def test_refusals_and_their_answer_are_one_question(
    fake: fakes.Fake, recorder: Recorder, tmp_path: Path
) -> None:
    fake.script.extend([fakes.refuse(0), fakes.refuse("0.2"), fakes.answer()])
    Client(fake.url, recorder).ask(ask())
    run = rows_of(recorder, tmp_path)
    assert [row.is_retry for row in run.attempts] == [True, True, False]
    assert [row.retry_count for row in run.attempts] == [0, 1, 2]
    assert [row.retry_after_us for row in run.attempts] == [0, 200_000, None]
    assert [row.failure_reason for row in run.attempts] == ["refused_429", "refused_429", ""]
    (question,) = gather(run.attempts)
    assert question.answered
    assert question.perceived_us >= 200_000
    assert run.ended[0].extras["queue_size"] == 7


def test_after_five_retries_the_user_gives_up(fake: fakes.Fake, recorder: Recorder, tmp_path: Path) -> None:
    fake.script.extend([fakes.refuse(0)] * 9)
    Client(fake.url, recorder).ask(ask())
    run = rows_of(recorder, tmp_path)
    assert len(run.attempts) == 1 + MOST_RETRIES
    assert [row.is_final_failure for row in run.attempts] == [False] * 5 + [True]


def test_a_wait_beyond_the_end_of_the_run_ends_the_question(
    fake: fakes.Fake, recorder: Recorder, tmp_path: Path
) -> None:
    fake.script.append(fakes.refuse(60))
    Client(fake.url, recorder, drain_left=lambda: 5.0).ask(ask())
    (row,) = rows_of(recorder, tmp_path).attempts
    assert (row.is_retry, row.is_final_failure, row.failure_reason) == (False, True, "gave_up")
    assert row.retry_after_us == 60_000_000


STOPPED = fakes.event("token", {"text": "가"}) + fakes.event("done", {"finish_reason": "stopped"})


@pytest.mark.parametrize(
    ("action", "stream", "status", "reason"),
    [
        (fakes.fail(500), False, 500, "http_500"),
        (fakes.fail(422, [{"loc": ["body"], "msg": "x"}]), False, 422, "http_422"),
        (fakes.fail(503), True, 503, "http_503"),
        (fakes.body(b'""'), False, 200, "empty_answer"),
        (fakes.body(b'{"result": "x"}'), False, 200, "bad_body"),
        (fakes.body(b"<html>"), False, 200, "bad_body"),
        (fakes.hang_up, False, 0, "connection_lost"),
        (fakes.cut_short, False, 200, "connection_lost"),
        (fakes.send(fakes.event("token", {"text": "가"})), True, 200, "stream_cut"),
        (fakes.send(fakes.event("done", {"finish_reason": "stop"})), True, 200, "empty_answer"),
        (fakes.send(STOPPED), True, 200, "deadline"),
        (fakes.body(b'"a"', headers={"X-Finish-Reason": "stopped"}), False, 200, "deadline"),
        (fakes.send(fakes.event("error", {"status": 504, "detail": "늦음"})), True, 504, "http_504"),
        (fakes.send(b"event: token\ndata: [1]\n\n"), True, 200, "bad_body"),
        (fakes.send(b"event: token\ndata: {\n\n"), True, 200, "bad_body"),
        (fakes.answer(0.6), False, 200, "timeout"),
        (fakes.answer(2.0), True, 200, "timeout"),
    ],
)
def test_failures_have_names(
    fake: fakes.Fake,
    recorder: Recorder,
    tmp_path: Path,
    action: fakes.Action,
    stream: bool,
    status: int,
    reason: str,
) -> None:
    fake.script.append(action)
    Client(fake.url, recorder, seconds=0.4).ask(ask(stream=stream))
    (row,) = rows_of(recorder, tmp_path).attempts
    expected = 0 if reason == "timeout" and not stream else status
    assert (row.status_code, row.failure_reason, row.is_final_failure) == (expected, reason, True)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("token", '{"text": ["가"]}', "token event, text: Input should be a valid string"),
        ("token", "{}", "token event, text: Field required"),
        ("done", '{"timings_ms": {"total": "12"}}', "done event, timings_ms.total: Input should be a valid"),
        ("done", '{"timings_ms": {"total": [1]}}', "done event, timings_ms.total: Input should be a valid"),
        ("done", '{"timings_ms": {"total": -1}}', "done event, timings_ms.total: Input should be greater"),
        ("done", '{"timings_ms": {"total": 1e400}}', "done event, timings_ms.total: Input should be less"),
        ("done", '{"timings_ms": {"total": NaN}}', "NaN is not JSON"),
        ("done", '{"timings_ms": [1]}', "done event, timings_ms: Input should be a valid dictionary"),
        ("done", '{"usage": {"prompt_tokens": null}}', "done event, usage.prompt_tokens: Input should be"),
        ("done", '{"db_id": ["x"]}', "done event, db_id: Input should be a valid string"),
        ("done", '{"finish_reason": "\\ud800"}', "done event, finish_reason: "),
        ("error", '{"status": "429"}', "error event, status: Input should be a valid integer"),
        ("error", '{"status": true}', "error event, status: Input should be a valid integer"),
        ("error", '{"status": 200}', "error event, status: Input should be greater"),
        ("error", '{"status": 429, "retry_after": "5"}', "error event, retry_after: Input should be a valid"),
        ("error", '{"status": 429, "retry_after": -5}', "error event, retry_after: Input should be greater"),
        ("error", "[" * 5000, "JSON is nested too deeply"),
        ("error", "9" * 5000, "Exceeds the limit"),
    ],
)
def test_an_event_that_breaks_the_contract_fails_its_question_alone(
    fake: fakes.Fake, recorder: Recorder, tmp_path: Path, name: str, data: str, said: str
) -> None:
    token = fakes.event("token", {"text": "가"})
    fake.script.append(fakes.send(token, f"event: {name}\ndata: {data}\n\n".encode()))
    client = Client(fake.url, recorder)
    client.ask(ask(stream=True))
    client.ask(ask(stream=True))
    run = rows_of(recorder, tmp_path)
    merge.write(tmp_path, run)
    odd, next_one = run.attempts
    assert (odd.status_code, odd.failure_reason, odd.is_final_failure) == (200, "bad_body", True)
    assert odd.error.startswith(said)
    assert next_one.success


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Retry-After": "Tue, 24 Nov 99999999999999999999 02:00:00 GMT"}, b"{}"),
        ({"Retry-After": "0", "Server-Timing": "total;dur=nan, queue;dur=inf, prefill;dur=-1"}, b"{}"),
        ({"Retry-After": "0"}, b'{"detail": [["\\ud800"]], "retry_after": [5], "queue_size": {"a": 1}}'),
        ({"Retry-After": "0"}, b'{"detail": "x", "retry_after": Infinity}'),
        ({"Retry-After": "0"}, b'{"detail": ' + b"[" * 900 + b"]" * 900 + b"}"),
    ],
)
def test_a_refusal_in_odd_words_is_still_a_refusal(
    fake: fakes.Fake, recorder: Recorder, tmp_path: Path, headers: dict[str, str], said: bytes
) -> None:
    fake.script.append(fakes.body(said, "refused", status=429, headers=headers))
    Client(fake.url, recorder, drain_left=lambda: 0.5).ask(ask())
    run = rows_of(recorder, tmp_path)
    merge.write(tmp_path, run)
    assert (run.attempts[0].status_code, run.attempts[0].process_us) == (429, None)
    assert [part.torn for part in run.parts] == [0]


def test_a_stream_that_goes_silent_ends_when_time_is_up(
    fake: fakes.Fake, recorder: Recorder, tmp_path: Path
) -> None:
    said = (0.9 * SILENT, fakes.event("token", {"text": "가"}))
    fake.script.append(fakes.send(*said * 5, 9 * SILENT))
    Client(fake.url, recorder, seconds=SILENT).ask(ask(stream=True))
    (row,) = rows_of(recorder, tmp_path).attempts
    assert row.failure_reason == "timeout"
    # Counted from the last byte, as a socket counts, it would have been 5.5 times as long.
    assert row.duration_us < 5e6 * SILENT


def test_nobody_home(recorder: Recorder, tmp_path: Path) -> None:
    Client("http://127.0.0.1:9", recorder).ask(ask())
    (row,) = rows_of(recorder, tmp_path).attempts
    assert (row.status_code, row.failure_reason) == (0, "connect_error")


def test_being_stopped_leaves_a_row(
    fake: fakes.Fake, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.client.question.exchange", killed)
    with pytest.raises(KeyboardInterrupt):
        Client(fake.url, recorder).ask(ask())
    (row,) = rows_of(recorder, tmp_path).attempts
    assert row.failure_reason == "aborted_by_generator"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 190 ", 190.0),
        ("2.5", 2.5),
        ("Tue, 24 Nov 2026 03:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 02:00:00 GMT", 0.0),
        ("-3", None),
        ("soon", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@settings(deadline=None)
@given(
    promised=st.none() | st.floats(0, 1e6),
    retries=st.integers(0, 9),
    elapsed=st.floats(0, 1000),
    chance=st.floats(0, 1),
)
def test_a_wait_is_never_shorter_than_promised_nor_beyond_patience(
    promised: float | None, retries: int, elapsed: float, chance: float
) -> None:
    wait = wait_before_retry(promised, retries, elapsed, chance)
    if wait is None:
        assert retries >= MOST_RETRIES or elapsed + (promised or 5.0) * 1.1 + 1.0 > PATIENCE_SECONDS
    else:
        assert retries < MOST_RETRIES
        assert elapsed + wait <= PATIENCE_SECONDS
        assert wait >= (promised or 0.0)


@settings(deadline=None)
@given(text=st.text(max_size=40), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_events_survive_any_cut(text: str, cuts: list[int]) -> None:
    stream = fakes.event("token", {"text": text}) + b": ping\r\n\r\n" + fakes.event("done", {"n": 1})
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[low:high] for low, high in pairwise(edges)]
    assert list(read_events(pieces)) == [("token", {"text": text}), ("done", {"n": 1})]


def test_server_timing_in_any_spelling() -> None:
    assert parse_server_timing('queue;dur=1.5;desc="q", total;dur="250", miss, bad;dur=x') == {
        "queue": 0.0015,
        "total": 0.25,
    }
