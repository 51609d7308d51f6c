"""Citations that exist: the automaton against the page's own rules of code, and masks against it."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatbot.llm.llama.cited_text import CitedText
from chatbot.llm.llama.citing import CitationMasks, CitationTokens
from chatbot.llm.llama.constraint import ruled_out
from chatbot.llm.llama.token_bytes import AnswerTokens

HITS = 3


def cited_outside_code(text: str) -> list[int]:
    """The numbers in brackets outside of blocks of code, line by line, by the chat page's own patterns.

    What stands behind the marks that open a block of code counts as text.
    """
    found: list[int] = []
    closing = None
    for line in re.split(r"[\n\r]", text):
        if closing:
            closing = None if closing.fullmatch(line) else closing
            continue
        found += map(int, re.findall(r"\[([0-9]{1,2})\]", line))
        if opening := re.fullmatch(r" {0,3}(`{3,}|~{3,})([^`]*)", line):
            mark = opening[1]
            closing = re.compile(rf" {{0,3}}{mark[0]}{{{len(mark)},}} *")
    return found


def none_wrong(text: str) -> bool:
    return all(1 <= number <= HITS for number in cited_outside_code(text))


TEXTS = st.lists(st.sampled_from([*"`~[]0129\n\r ax", "[9]", "[2]", "```", "~~~\n"]), max_size=40).map(
    "".join
)


@settings(max_examples=300)
@given(TEXTS)
@example("```py\n[9]\n``` \n[9]")
@example("~~~ a`\n[9]")
@example("`[9]` [9")
@example("`[9]\n")
@example("`a[2]` [9")
def test_the_same_is_wrong_as_on_the_page(text: str) -> None:
    state = CitedText()
    for count, byte in enumerate(text.encode(), 1):
        state, fine = state.after(bytes([byte]), HITS)
        if not fine:
            assert not none_wrong(text[:count])
            return
    assert none_wrong(text)


@given(TEXTS, st.lists(st.integers(1, 8), min_size=1))
def test_portions_do_not_matter(text: str, sizes: Sequence[int]) -> None:
    whole = CitedText().after(text.encode(), HITS)
    state, fine, rest = CitedText(), True, text.encode()
    while rest:
        size, *sizes = [*sizes, 3]
        state, good = state.after(rest[:size], HITS)
        fine, rest = fine and good, rest[size:]
    assert (state, fine) == whole


@pytest.mark.parametrize(
    "text", ["[0]", "[00]", "[4]", "[99]", "a[9]b", "[[9]]", "[1][4]", "``[9]", "\\[9]", "`a[9]`"]
)
def test_what_does_not_exist_is_not_cited(text: str) -> None:
    assert not CitedText().after(text.encode(), HITS)[1]


@pytest.mark.parametrize("text", ["[1]", "[03]", "[123]", "[^9]", "[ 9]", "`a[3]`", "```\n[9]\n```", "[가]"])
def test_what_exists_is_and_code_is_free(text: str) -> None:
    assert CitedText().after(text.encode(), HITS)[1]


PIECES = [
    *(bytes([byte]) for byte in range(256)),
    *(
        b"",
        b"<end>",
        b"[1]",
        b"[9]",
        b"[12]",
        b" [2]",
        b"9]",
        b"2].",
        b"12]",
        b"]\n",
        b"[9]`",
        b"`[9]\n",
        b"a`]",
    ),
    *(b"```", b"```\n", b"\n\n", b"[1", b"][", b"`]`", b"x[7]y[1]", b"\n```\n[9]", b" [10", b"0]", b"00]"),
    *("가".encode(), b"~~~\n", b"[1]\n[9]", b"[123]", b"3]]", b"]]"),
]
END = PIECES.index(b"<end>")


@settings(max_examples=200)
@given(TEXTS, st.sampled_from([0, 1, 3, 12]))
def test_a_mask_forbids_what_would_cite_what_is_not_there(text: str, hits: int) -> None:
    tokens = AnswerTokens(PIECES, ends=(END,))
    state, _ = CitedText().after(text.encode(), hits)
    mask = CitationMasks(CitationTokens(tokens), hits).mask(state)
    forbidden = set() if mask is None else set(np.flatnonzero(ruled_out(mask, len(PIECES))).tolist())
    expected = {token for token, piece in enumerate(PIECES) if not state.after(piece, hits)[1]} - {END}
    assert forbidden == expected
