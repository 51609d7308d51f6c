"""Bytes to characters, and stop strings that hide between tokens."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chatbot.llm.llama.answer_text import AnswerText
from chatbot.llm.llama.detokenizer import Detokenizer
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.stops import StopFilter


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


def cut(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """The text up to the first stop string, and whether there is one."""
    found = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)


@settings(deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from(["\n", "사", "용", "자", ":", "E", "N", "D", "x"]), max_size=30),
    cuts=st.lists(st.integers(0, 1000)),
)
def test_stops_cut_at_the_first_and_nothing_of_them_leaks(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    stops = StopFilter(STOPS)
    shown = "".join(stops.feed(text[a:b]) for a, b in pairwise(places))
    assert (shown + stops.flush(), stops.stopped) == cut(text, STOPS)


def test_what_cannot_become_a_stop_is_shown_at_once() -> None:
    stops = StopFilter(["\n비서:"])
    assert stops.feed("안녕\n비") == "안녕"
    assert stops.feed("밀") == "\n비밀"
    assert stops.feed("\n비서") == ""
    assert stops.feed(":") == ""
    assert stops.stopped


class CountedStop(str):
    """A stop string that counts how often one of its characters is looked at."""

    looks = 0

    def __getitem__(self, place: object) -> str:
        CountedStop.looks += 1
        return super().__getitem__(place)  # type: ignore[index]


def looks(stop: str, text: str) -> int:
    CountedStop.looks = 0
    stops = StopFilter([CountedStop(stop)])
    shown = "".join(stops.feed(text[place : place + 3]) for place in range(0, len(text), 3))
    assert (shown + stops.flush(), stops.stopped) == cut(text, (stop,))
    return CountedStop.looks


@pytest.mark.parametrize(
    ("stop", "text"), [("a" * 65_536, "a"), ("a" * 500 + "b", "a"), ("ab" * 999 + "a", "ab" * 999 + "c")]
)
def test_a_stop_string_costs_a_few_looks_a_character_whatever_it_repeats(stop: str, text: str) -> None:
    for size in (3_000, 24_000):
        answer = (text * size)[:size]
        assert looks(stop, answer) <= 4 * size + 10


TRANSCRIPT = Endings(stops=("\n\n", "\n사용자:", "\n비서:"), before="\n", speaks=True)


def seen(
    text: str, endings: Endings, stops: tuple[str, ...], *, unfinished: bool = False
) -> tuple[str, bool]:
    """What a client sees of an answer that comes byte by byte, and whether a stop string ended it."""
    answer = AnswerText(endings, stops)
    shown = "".join(answer.feed(bytes([byte])) for byte in text.encode())
    return shown + answer.rest(unfinished=unfinished), answer.stopped


@settings(deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from([" ", "\n", "비", "서", ":", "x", "y"]), max_size=20),
    stops=st.lists(st.sampled_from([" ", "\n", "x", "xy", "비서"]), max_size=3, unique=True),
)
def test_client_stops_apply_to_what_the_client_sees(text: str, stops: list[str]) -> None:
    ours, stopped = cut("\n" + text, TRANSCRIPT.stops)
    shown, stopped_by_client = cut(ours.lstrip(), tuple(stops))
    assert seen(text, TRANSCRIPT, tuple(stops)) == (shown, stopped or stopped_by_client)


@pytest.mark.parametrize("endings", [Endings(), TRANSCRIPT], ids=["chat", "transcript"])
@pytest.mark.parametrize(("stop", "shown"), [("\n", "안녕 하세요"), (" ", "안녕")])
def test_a_stop_of_white_space_ends_the_first_line_or_word(endings: Endings, stop: str, shown: str) -> None:
    assert seen(" 안녕 하세요\n네", endings, (stop,)) == (shown, True)


@settings(deadline=None)
@given(
    begun=st.text(alphabet=st.sampled_from([" ", "\n", "비", "서", ":", "x"]), max_size=8),
    text=st.text(alphabet=st.sampled_from([" ", "\n", "비", "서", ":", "x"]), max_size=12),
)
def test_a_continued_answer_keeps_its_white_space_and_ends_where_one_in_one_piece_would(
    begun: str, text: str
) -> None:
    """However it was cut: nothing of what was begun is repeated, and a stop may begin in it."""
    assume(cut(begun, TRANSCRIPT.stops) == (begun, False))
    before = begun[begun.rfind("\n") :] if "\n" in begun else ""
    whole, stopped = cut(begun + text, TRANSCRIPT.stops)
    expected = whole[len(begun) :], stopped
    assert seen(text, replace(TRANSCRIPT, before=before, continues=True), ()) == expected


def test_the_beginning_of_a_label_does_not_show_at_the_token_limit() -> None:
    assert seen("안녕\n사용자", TRANSCRIPT, (), unfinished=True) == ("안녕", False)
    assert seen("안녕\n사용자", TRANSCRIPT, ()) == ("안녕\n사용자", False), "the model ended it there itself"
    assert seen("사용자", TRANSCRIPT, (), unfinished=True) == ("", False)
    assert seen("안녕 EN", TRANSCRIPT, ("END",), unfinished=True) == ("안녕 EN", False), (
        "the client's is text"
    )
    assert seen("안녕 EN\n\nD", TRANSCRIPT, ("END",)) == ("안녕 EN", True)
