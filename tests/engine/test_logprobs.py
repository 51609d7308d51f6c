"""Log probabilities are the model's own, and those that are told are of the text that is shown."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, question

from chatbot.domain.messages import LikelyToken, Sampling, TokenLogprobs
from chatbot.llm.llama.answer_text import AnswerText
from chatbot.llm.llama.logprobs import ShownTokens, logprobs_of
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.llama.vocabulary import Vocabulary

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def vocabulary(models: Path) -> Iterator[Vocabulary]:
    file = ModelFile(models / "tiny.gguf")
    yield Vocabulary(file)
    file.close()


def test_they_are_the_logarithms_of_the_softmax_likeliest_first(vocabulary: Vocabulary) -> None:
    row = (np.random.default_rng(1).standard_normal(vocabulary.size) * 5).astype(np.float32)
    row[7] = -np.inf
    expected = row.astype(np.float64) - np.log(np.exp(row.astype(np.float64)).sum())
    told = logprobs_of(row, 9, vocabulary.size, vocabulary)
    assert told.chosen.logprob == pytest.approx(expected[9], abs=1e-5)
    assert [each.logprob for each in told.alternatives] == pytest.approx(
        sorted(expected[expected > -np.inf], reverse=True), abs=1e-5
    )
    assert len(logprobs_of(row, 9, 3, vocabulary).alternatives) == 3
    assert logprobs_of(row, 9, 0, vocabulary).alternatives == ()


def test_a_row_of_large_logits_overflows_nothing_and_an_end_has_its_name(vocabulary: Vocabulary) -> None:
    row = np.full(vocabulary.size, -3e4, dtype=np.float32)
    end = min(vocabulary.end_tokens)
    row[end] = 3e4
    (best,) = logprobs_of(row, end, 1, vocabulary).alternatives
    assert best == LikelyToken(vocabulary.name(end).encode(), 0.0)


def told_of(pieces: list[bytes], text: AnswerText, *, unfinished: bool) -> tuple[str, list[TokenLogprobs]]:
    """The shown text, and what is told of the tokens, as Answering puts them together."""
    shown, seen = ShownTokens(0), ""
    told: list[TokenLogprobs] = []
    for number, piece in enumerate(pieces):
        shown.add(piece, TokenLogprobs(LikelyToken(piece, -float(number))))
        more = text.feed(piece)
        seen += more
        told += shown.settle(text.skipped, more)
        if text.stopped:
            break
    more = text.rest(unfinished=unfinished)
    told += [*shown.settle(text.skipped, more), *shown.end()]
    return seen + more, told


def assert_each_once_and_in_order(told: list[TokenLogprobs], parts: list[bytes]) -> None:
    numbers = [-each.chosen.logprob for each in told]
    assert numbers == sorted(set(numbers))
    for each in told:
        assert each.chosen.piece
        assert each.chosen.piece in parts[int(-each.chosen.logprob)]


ENDINGS = [
    Endings(),
    Endings(continues=True),
    Endings(stops=("\n\n", "\n사용자:"), speaks=True),
    Endings(stops=("\n\n",), before="비서:\n", speaks=True),
]


HAN = "한".encode()
TEXTS = ("\n", " ", "\u3000", "사용", "자:", "END", "E", "N", "D", "안녕 ", "한", "")
PIECES = [*(text.encode() for text in TEXTS), HAN[:1], HAN[1:], HAN[:2], HAN[2:] + b"\n"]


@settings(max_examples=400, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PIECES), max_size=20),
    endings=st.sampled_from(ENDINGS),
    unfinished=st.booleans(),
)
@example(parts=[b" Hi", b" there"], endings=Endings(), unfinished=False)
@example(parts=[b"Hi E", b"ND"], endings=Endings(), unfinished=False)
@example(parts=[b"Hi", HAN[:2]], endings=Endings(), unfinished=True)
def test_the_bytes_that_are_told_are_the_text_that_is_shown(
    parts: list[bytes], endings: Endings, unfinished: bool
) -> None:
    seen, told = told_of(parts, AnswerText(endings, ("END",)), unfinished=unfinished)
    assert_each_once_and_in_order(told, parts)
    if "\ufffd" not in seen:
        assert b"".join(each.chosen.piece for each in told) == seen.encode()


@given(st.lists(st.binary(max_size=3), max_size=30))
def test_of_bytes_that_are_no_text_each_token_is_told_once(parts: list[bytes]) -> None:
    _, told = told_of(parts, AnswerText(Endings(), ("\ufffd\ufffd\ufffd",)), unfinished=False)
    assert_each_once_and_in_order(told, parts)


@pytest.mark.parametrize("model", ["tiny", "window"])
async def test_asking_changes_no_token_and_samplers_change_no_logprob(rig: RigMaker, model: str) -> None:
    one = rig(model)
    plain = Sampling(seed=3, temperature=1.5, max_tokens=20)
    asked = replace(plain, top_logprobs=20)
    conversation = question("Hello")
    without, answer = await one.ask(conversation, plain), await one.ask(conversation, asked)
    assert (without.text, without.logprobs) == (answer.text, [])
    assert b"".join(each.chosen.piece for each in answer.logprobs).decode("utf-8", "replace") == answer.text
    assert all(len(each.alternatives) == 20 for each in answer.logprobs)
    assert all(sum(math.exp(other.logprob) for other in each.alternatives) <= 1 for each in answer.logprobs)
    # Whatever rules tokens out or lifts them, the model's own opinion of the first place is the same.
    pushed = replace(asked, logit_bias=tuple((token, 100.0) for token in range(40, 60)), presence_penalty=2)
    other = await one.ask(conversation, pushed)
    assert other.text != answer.text
    assert [each.logprob for each in other.logprobs[0].alternatives] == pytest.approx(
        [each.logprob for each in answer.logprobs[0].alternatives], abs=1e-4
    )
    greedy = await one.ask(conversation, replace(GREEDY, top_logprobs=1))
    assert all(each.chosen.logprob == each.alternatives[0].logprob for each in greedy.logprobs[1:])
