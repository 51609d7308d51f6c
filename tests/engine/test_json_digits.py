"""Numbers in JSON end: after so many digits in a row none is allowed, outside of strings."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.conftest import RigMaker
from tests.engine.rig import question

from chatbot.api.openai.tools import CallText, ToolFunction, form_of_call
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import FinishReason, Sampling
from chatbot.llm.llama.constraint import ruled_out
from chatbot.llm.llama.json_digits import MOST_DIGITS, DigitMasks, JsonDigits
from chatbot.llm.llama.token_bytes import AnswerTokens

PIECES = [b"7", b"12", b"123", b"9,", b'5"', b",", b'"', b"\\", b'\\"', b"a", b"-4", b"e", b".0", b"", b"x9"]
MASKS = DigitMasks(AnswerTokens(PIECES, ends=(13,)))
NUMBER = rf"-?\d{{1,{MOST_DIGITS}}}(\.\d{{1,{MOST_DIGITS}}})?([eE][+-]?\d{{1,{MOST_DIGITS}}})?"

DIGITS = Sampling(
    temperature=0.9,
    seed=3,
    max_tokens=400,
    logit_bias=tuple((ord(digit), 100.0) for digit in "123456789"),
)


class Words:
    """What the constraint asks of a vocabulary."""

    end_tokens = frozenset({13})

    def piece(self, token: int) -> bytes:
        return PIECES[token]


def outside_strings(text: bytes) -> bytes:
    """The text without what stands in strings; one that is open is left out as well."""
    return re.sub(rb'"(?:\\.|[^"\\])*("|\\?$)', b'""', text, flags=re.DOTALL)


def in_a_string(text: bytes) -> bool:
    return re.fullmatch(rb'(?:[^"]|"(?:\\.|[^"\\])*")*', text, flags=re.DOTALL) is None


@given(st.lists(st.integers(0, len(PIECES) - 1), max_size=60))
def test_a_token_is_allowed_where_no_row_of_digits_gets_too_long(wanted: list[int]) -> None:
    digits, text = JsonDigits(MASKS, Words()), b""  # type: ignore[arg-type]
    for token in wanted:
        mask = digits.mask()
        forbidden = np.zeros(len(PIECES), bool) if mask is None else ruled_out(mask, len(PIECES))
        too_long = [
            not in_a_string(text)
            and re.match(rb"\d{%d}" % (MOST_DIGITS + 1), ending(text) + piece) is not None
            for piece in PIECES
        ]
        assert forbidden.tolist() == too_long
        assert digits.possible([token]) == int(not forbidden[token])
        if forbidden[token]:
            continue
        digits.advance(token)
        text += PIECES[token]
    longest = max((len(row) for row in re.findall(rb"\d+", outside_strings(text))), default=0)
    assert longest <= MOST_DIGITS


def ending(text: bytes) -> bytes:
    """The digits at the end."""
    return text[len(text.rstrip(b"0123456789")) :]


def test_a_draft_ends_before_a_digit_too_many() -> None:
    digits = JsonDigits(MASKS, Words())  # type: ignore[arg-type]
    assert digits.possible([2] * 9) == MOST_DIGITS // 3
    assert digits.possible([2] * 6 + [1, 0]) == 7
    assert digits.possible([6] + [2] * 9 + [6, 2]) == 12


@pytest.mark.anyio
@pytest.mark.parametrize("schema", [{"type": "number"}, {"type": "number", "minimum": 0.5}])
async def test_a_number_ends_although_the_model_goes_on_with_digits(
    rig: RigMaker, schema: dict[str, object]
) -> None:
    form = Form(FormKind.JSON_SCHEMA, json.dumps(schema))
    for likes in ((), ((ord("."), 90.0),), ((ord("e"), 90.0),)):
        biased = replace(DIGITS, form=form, logit_bias=DIGITS.logit_bias + likes)
        answer = await rig().ask(question("?"), biased)
        assert re.fullmatch(NUMBER, answer.text), answer.text
        assert answer.finished.reason is FinishReason.STOP


@pytest.mark.anyio
async def test_digits_of_a_text_and_of_other_forms_are_not_counted(rig: RigMaker) -> None:
    one = rig()
    text = Form(FormKind.JSON_SCHEMA, '{"type": "string", "minLength": 50, "maxLength": 60}')
    assert re.fullmatch(r'"\d{50,60}"', (await one.ask(question("?"), replace(DIGITS, form=text))).text)
    grammar = Form(FormKind.REGEX, r"\d{40}")
    assert len((await one.ask(question("?"), replace(DIGITS, form=grammar))).text) == 40


@pytest.mark.anyio
async def test_the_arguments_of_a_call_have_numbers_that_end(rig: RigMaker) -> None:
    parameters = {"properties": {"n": {"type": "number"}}, "required": ["n"], "additionalProperties": False}
    form = form_of_call([ToolFunction.model_validate({"name": "f", "parameters": parameters})])
    answer = await rig().ask(question("call"), replace(DIGITS, form=form))
    name, arguments = CallText().feed(answer.text)
    assert name == "f"
    assert re.fullmatch(rf'{{"n": {NUMBER}}}', arguments), arguments
