"""Small rules of core and domain: percentiles, languages, macros, keys, transcripts, statistics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fakes import SilentMeter, packaged_personas

from chatbot.core.character import character_frame, fill_macros
from chatbot.core.office import office_frame
from chatbot.core.statistics import Statistics, percentile
from chatbot.core.transcript import read_messages
from chatbot.domain.access import KeyEntry, KeyRing, digest, new_key
from chatbot.domain.language import language_of
from chatbot.domain.telemetry import Outcome


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_the_smallest_value_with_enough_at_or_below(
    values: list[float], share: float
) -> None:
    ordered = sorted(values)
    result = percentile(ordered, share)
    assert result in ordered
    assert sum(value <= result for value in ordered) >= share * len(ordered) - 1e-9
    assert sum(value < result for value in ordered) < share * len(ordered)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("안녕하세요", "ko"),
        ("Hello there", "en"),
        ("", "ko"),
        ("1 + 1 = ?", "ko"),
        ("API가 뭐예요?", "ko"),
        ("日本", "en"),
    ],
)
def test_korean_comes_first(text: str, language: str) -> None:
    assert language_of(text) == language


def test_macros_are_filled_and_other_braces_stay() -> None:
    text = "{{Char}} meets {{user}} {{random}} {character_name} {0}"
    assert fill_macros(text, "Mina", "User") == "Mina meets User {{random}} {character_name} {0}"


def test_a_card_that_names_our_fields_fills_nothing_but_its_own_place() -> None:
    frame = character_frame("{context}", None, "{character_name} {context}", packaged_personas())
    assert frame.system[1].text == "Character: {context}\n\nIntroduction:\n{character_name} {context}"


def test_the_rules_common_to_all_characters_stand_first_and_are_equal() -> None:
    personas = packaged_personas()
    first = character_frame("A", None, "a pilot", personas).system[0]
    assert first == character_frame("B", "Hi", "a nurse", personas).system[0]


def test_the_persona_follows_the_question_s_language() -> None:
    personas = packaged_personas()
    assert office_frame("안녕", personas).speakers.assistant == "비서"
    assert office_frame("Hello", personas).speakers.assistant == "Assistant"


def test_a_key_is_found_by_its_hash_and_owns_its_users_only() -> None:
    key = new_key()
    ring = KeyRing([KeyEntry(name="a", sha256=digest(key), users=("ann", "team-*"))])
    entry = ring.find(key)
    assert entry is not None
    assert [entry.owns(user) for user in ("ann", "team-1", "anna", "x")] == [True, True, False, False]
    assert ring.find(key + "x") is None
    assert key not in repr(entry)


def test_messages_are_sorted_by_what_they_are_for() -> None:
    transcript = read_messages(
        [
            ("system", "A"),
            ("assistant", "hello"),
            ("user", "1"),
            ("assistant", "2"),
            ("developer", "B"),
            ("user", "3"),
            ("user", "4"),
        ]
    )
    assert transcript.instructions == "A\n\nB"
    assert transcript.opening == "hello"
    assert [(turn.index, turn.question, turn.answer) for turn in transcript.exchanges] == [(1, "1", "2")]
    assert transcript.question == "3\n\n4"


def test_counters_add_up_and_times_are_of_successes() -> None:
    now = 100.0
    statistics = Statistics(SilentMeter(), lambda: now)
    for outcome, seconds in ((Outcome.SUCCESSFUL, 2.0), (Outcome.SUCCESSFUL, 4.0), (Outcome.FAILED, 50.0)):
        statistics.arrived()
        statistics.ended(outcome, now - seconds)
    statistics.arrived()
    summary = statistics.summary()
    assert summary["total_requests"] == 4
    assert summary["active_requests"] == 1
    assert summary["avg_response_time"] == 3.0
    assert summary["success_rate"] == 66.67
    assert (summary["p50_response_time"], summary["p99_response_time"]) == (2.0, 4.0)
