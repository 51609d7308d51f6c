"""Guesses from a stream's own tokens: where they come from, what they cost, and what they learn."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.llm.llama.draft_source import DraftSource


def guessed(tokens: Sequence[int], prompt: int, ends: Sequence[int] = (), most: int = 16) -> list[int]:
    source = DraftSource()
    assert source.read(tokens, prompt)
    return source.guess(tokens, most, ends)[0]


def test_what_followed_the_longest_earlier_run_is_guessed() -> None:
    twice = [1, 2, 3, 10, 9, 2, 3, 20, 8]
    assert guessed([*twice, 1, 2, 3], 9)[0] == 10, "three tokens agree there, two at the later place"
    assert guessed([*twice, 7, 2, 3], 9)[0] == 20, "two agree at both, and the later place is taken"
    assert guessed([*twice, 7, 3], 9) == []
    assert guessed([5], 1) == guessed([5, 5], 1) == []


def test_a_draft_ends_before_an_end_of_the_answer_and_at_the_limit() -> None:
    quoted = [*range(100, 140), 99, 5]
    tokens = [*quoted, *range(100, 117)]
    assert guessed(tokens, len(quoted), ends=[124]) == list(range(117, 124))
    assert guessed(tokens, len(quoted), most=3) == [117, 118, 119]


def test_a_guess_never_reaches_beyond_what_is_written() -> None:
    assert guessed([1, 2, 1, 2], 2) == [1, 2]


def test_every_token_teaches_whether_or_not_it_was_drafted() -> None:
    text = list(range(100, 160))

    def chances(answer: list[int]) -> list[float]:
        source, tokens = DraftSource(), list(text)
        source.read(tokens, len(text))
        for token in answer:
            tokens.append(token)
            assert source.read(tokens, len(text))
        return source.guess(tokens, 8, ())[1]

    quoting = chances(text[:40])
    # An answer that leaves the text again and again as soon as it has begun to quote.
    straying = chances([token for at in range(0, 40, 4) for token in (*text[at : at + 2], 1)] + text[40:42])
    assert quoting[0] > 0.9
    assert straying[0] < 0.2
    assert quoting == sorted(quoting, reverse=True)


@settings(max_examples=60)
@given(
    prompt=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    answer=st.lists(st.integers(0, 3), max_size=60),
    pieces=st.lists(st.integers(1, 7), min_size=60, max_size=60),
)
def test_a_guess_stands_in_the_text_behind_the_same_tokens(
    prompt: list[int], answer: list[int], pieces: list[int]
) -> None:
    source, tokens = DraftSource(), list(prompt)
    for size in pieces:
        source.read(tokens, len(prompt))
        draft, chances = source.guess(tokens, 5, ())
        assert len(draft) == len(chances) <= 5
        assert all(0 < chance < 1 for chance in chances)
        if draft:
            shown = [*tokens[-2:], *draft]
            places = [tokens[at : at + len(shown)] for at in range(len(tokens))]
            assert shown in places
        tokens += answer[:size]
        answer = answer[size:]


def test_a_long_prompt_is_taken_in_over_several_steps() -> None:
    source, tokens = DraftSource(), list(range(10_000))
    assert [source.read(tokens, 10_000) for _ in range(3)] == [False, False, True]
