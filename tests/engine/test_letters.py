"""Masks of the letters of Korean text: the same as decoding tells, and never left by a sampler."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from tests.support.slow_letters import SlowLetters, many_pieces

from chatbot.domain.letters import OWN, Scripts
from chatbot.domain.scripts import script_ranges
from chatbot.llm.llama.constraint import ruled_out
from chatbot.llm.llama.letters import LetterMasks
from chatbot.llm.llama.token_bytes import AnswerTokens
from chatbot.llm.llama.utf8 import DEAD, WHOLE, Utf8Automaton

WITH_HAN: Scripts = OWN | {"Han"}


def allowed_in(masks: LetterMasks, before: bytes, size: int) -> npt.NDArray[np.bool_]:
    """For each token whether it may follow these bytes of an unfinished character."""
    state = masks.automaton.after(WHOLE, before)
    assert state != DEAD
    return ~ruled_out(masks.mask(state), size)


def assert_as_decoded(
    pieces: Sequence[bytes], scripts: Scripts, tokens: Iterable[int], unfinished: Iterable[bytes]
) -> None:
    """Compare the masks of some tokens behind some bytes with what decoding tells."""
    masks = LetterMasks(AnswerTokens(pieces, ends=(257,)), scripts)
    slow = SlowLetters(scripts)
    tokens = list(tokens)
    for before in unfinished:
        allowed = allowed_in(masks, before, len(pieces))
        assert allowed[257]
        wrong = [
            token
            for token in tokens
            if token != 257
            and bool(allowed[token]) != (not pieces[token] or slow.allows(before, pieces[token]))
        ]
        assert not wrong, [(before, pieces[token], bool(allowed[token])) for token in wrong[:5]]


@pytest.fixture(scope="module")
def many() -> Sequence[bytes]:
    """As many tokens as Llama 3 has."""
    return many_pieces(128_256)


@pytest.mark.parametrize("scripts", [OWN, WITH_HAN], ids=["own", "Han"])
def test_a_mask_is_what_decoding_tells(many: Sequence[bytes], scripts: Scripts) -> None:
    unfinished = sorted(SlowLetters(scripts).unfinished)
    tokens = [*range(512), *range(512, len(many), 97)]
    assert_as_decoded(many, scripts, tokens, [b"", *unfinished[::23]])


def test_every_prefix_of_a_character_has_its_state_and_no_other_bytes_have() -> None:
    """All sequences of up to three bytes that could begin a character."""
    automaton = Utf8Automaton(ends for script in OWN for ends in script_ranges()[script])
    unfinished = SlowLetters(OWN).unfinished
    leads = [bytes([lead]) for lead in range(0x80, 0x100)]
    while leads:
        alive = [lead for lead in leads if automaton.after(WHOLE, lead) not in (DEAD, WHOLE)]
        assert set(alive) == {lead for lead in leads if lead in unfinished}
        leads = [lead + bytes([byte]) for lead in alive for byte in range(256) if len(lead) < 3]


@pytest.mark.parametrize("text", ["가", "é", "Ω", "😀", "ㅋ", "～", "\u1112\u1161\u11ab"])
def test_korean_text_passes(text: str) -> None:
    automaton = Utf8Automaton(ends for script in OWN for ends in script_ranges()[script])
    assert automaton.after(WHOLE, text.encode()) == WHOLE


@pytest.mark.parametrize(
    "text",
    [b"\xe6\x97\xa5", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\x80"],
)
def test_other_letters_and_malformed_bytes_do_not(text: bytes) -> None:
    automaton = Utf8Automaton(ends for script in OWN for ends in script_ranges()[script])
    assert automaton.after(WHOLE, text) == DEAD
