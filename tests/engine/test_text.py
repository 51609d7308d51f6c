"""Bytes to characters, and stop strings that hide between tokens."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.llm.llama.detokenizer import Detokenizer
from chatbot.llm.llama.stops import StopStrings


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


@settings(deadline=None)
@given(text=st.text(alphabet=st.sampled_from("안녕하세요 👩‍👩‍👧 abc\n")), cuts=st.lists(st.integers(0, 1000)))
def test_characters_split_over_tokens_arrive_whole(text: str, cuts: list[int]) -> None:
    detokenizer = Detokenizer()
    pieces = [detokenizer.feed(piece) for piece in chunks(text.encode(), cuts)]
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)


def test_an_unfinished_character_is_left_out_and_broken_bytes_are_marked() -> None:
    detokenizer = Detokenizer()
    assert detokenizer.feed("가".encode()[:2]) == ""
    assert Detokenizer().feed(b"a\xffb") == "a\ufffdb"


STOPS = ("\n사용자:", "END", "END OF")


@settings(deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from(["\n", "사", "용", "자", ":", "E", "N", "D", "x"]), max_size=30),
    cuts=st.lists(st.integers(0, 1000)),
    line_start=st.booleans(),
)
def test_stops_cut_at_the_first_and_nothing_of_them_leaks(
    text: str, cuts: list[int], line_start: bool
) -> None:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    stops = StopStrings(STOPS, line_start=line_start)
    shown = "".join(stops.feed(text[a:b]) for a, b in pairwise(places))
    complete = shown if stops.found else shown + stops.finish()
    framed = "\n" + text if line_start else text
    found = [place for stop in STOPS if (place := framed.find(stop)) >= 0]
    expected = framed[: min(found)] if found else framed
    assert complete == (expected[1:] if line_start else expected)
    assert stops.found == bool(found)


def test_what_cannot_become_a_stop_is_shown_at_once() -> None:
    stops = StopStrings(["\n비서:"])
    assert stops.feed("안녕\n비") == "안녕"
    assert stops.feed("밀") == "\n비밀"
    assert stops.feed("\n비서") == ""
    assert stops.feed(":") == ""
    assert stops.found
