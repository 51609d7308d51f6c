"""Forms of answers (JSON, regular expressions, grammars) as constraints, by llguidance.

Reading a large vocabulary takes it a second, and for a part of that nothing else in the process runs; so it
is done beside the model's warm-up, when nobody waits for a token. A form is a stranger's text: it is compiled
within bounds of size and states, on a thread of its own that leaves the interpreter's lock.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark

from chatbot.domain.errors import ModelFailed, Unavailable, UnusableForm
from chatbot.domain.messages import Form, FormKind
from chatbot.domain.plaintext import one_line
from chatbot.llm.llama.constraint import Constraint, Mask, mask_words
from chatbot.llm.llama.vocabulary import Vocabulary

MOST_BYTES = 32 * 1024
"""Of a form's text."""

_MOST_RULES = 256
"""Of a GBNF grammar: its translation takes a time that grows with the square of their number."""

_MOST_NESTED = 64
"""Groups within groups of a GBNF grammar, which its translation follows by recursion."""

_SECONDS = 1.0
"""A form that is not compiled by then is refused."""

_REASON_CHARS = 300

_LIMITS = {
    "max_items_in_row": 2000,
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 50_000,
    "max_lexer_states": 20_000,
    "max_grammar_size": 100_000,
}
"""What a form may take, in llguidance's units: about 20 ms to begin with, 15 ms a token, 2 KiB a state."""

_JSON_OPTIONS = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON on one line: where white space is free, a small model may write nothing else."""


_IS_LARK = re.compile(r"%llguidance\b|start\s*:")
"""The beginning of a line that tells Lark's syntax from GBNF."""


class GrammarConstraint:
    """A form, and how far an answer has come in it; see Constraint."""

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._mask: Mask = np.zeros(mask_words(vocabulary), dtype=np.uint32)

    @property
    def complete(self) -> bool:
        """See Constraint."""
        return bool(self._matcher.is_stopped())

    def mask(self) -> Mask | None:
        """See Constraint."""
        self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        self._check()
        return self._mask

    def advance(self, token: int) -> None:
        """See Constraint."""
        self._matcher.consume_token(token)
        self._check()

    def possible(self, tokens: Sequence[int]) -> int:
        """See Constraint."""
        return self._matcher.validate_tokens(list(tokens))

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ModelFailed("the form of this answer went beyond its bounds")


@dataclass(frozen=True, slots=True)
class _Words:
    """The vocabulary as llguidance takes it (its TokenizerWrapper, which is no base of this)."""

    tokens: list[bytes]
    eos_token_id: int
    special_token_ids: list[int]
    tokenize: Callable[[str], Sequence[int]]
    bos_token_id: int | None = None
    is_tokenizer_wrapper: bool = True

    def __call__(self, text: str) -> list[int]:
        """The tokens of text that a grammar forces, as the model is used to them."""
        return list(self.tokenize(text))


class Grammars:
    """Makes the constraints of one vocabulary; used on event loops."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Begin to read the vocabulary; it must outlive ``close``."""
        self._vocabulary = vocabulary
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grammars")
        self._tokenizer: Future[LLTokenizer] = self._thread.submit(self._read_vocabulary)

    async def constraints(self, form: Form | None, answers: int) -> list[Constraint | None]:
        """The form for so many answers, each at its beginning; None for each where there is none.

        Raises:
            UnusableForm: it is no form, or goes beyond the bounds.
            Unavailable: forms of others are being compiled.
        """
        if form is None:
            return [None] * answers
        if len(form.text.encode()) > MOST_BYTES:
            raise UnusableForm(form.param, f"longer than {MOST_BYTES // 1024} KiB")
        tokenizer = await asyncio.shield(asyncio.wrap_future(self._tokenizer))
        compiling = self._thread.submit(_compiled, tokenizer, form)
        try:
            matcher = await asyncio.wait_for(asyncio.wrap_future(compiling), _SECONDS)
        except TimeoutError:
            if compiling.cancelled():
                raise Unavailable("forms of others are being compiled") from None
            raise UnusableForm(form.param, "it takes too long to compile") from None
        size = self._vocabulary.size
        return [GrammarConstraint(matcher.deep_copy(), size) for _ in range(answers)]

    def close(self) -> None:
        """Stop using the vocabulary."""
        self._thread.shutdown(cancel_futures=True)

    def _read_vocabulary(self) -> LLTokenizer:
        vocabulary = self._vocabulary
        ends = sorted(vocabulary.end_tokens)
        pieces = vocabulary.pieces()
        silent = [token for token, piece in enumerate(pieces) if not piece or token in vocabulary.forbidden]
        words = _Words(pieces, ends[0], silent, vocabulary.content)
        # Without slices: they double the time in which nothing else runs, for masks that are rarely needed.
        return LLTokenizer(words, n_vocab=vocabulary.size, eos_token=ends, slices=[])  # type: ignore[arg-type]


def _compiled(tokenizer: LLTokenizer, form: Form) -> LLMatcher:
    matcher = LLMatcher(
        tokenizer, _grammar(form), log_level=0, limits=LLParserLimits(verbose_errors=False, **_LIMITS)
    )
    if matcher.is_error():
        raise UnusableForm(form.param, one_line(matcher.get_error(), _REASON_CHARS))
    return matcher


def _grammar(form: Form) -> str:
    """The form in llguidance's own words."""
    match form.kind:
        case FormKind.JSON_OBJECT:
            return LLMatcher.grammar_from_json_schema({"type": "object"}, overrides=_JSON_OPTIONS)
        case FormKind.JSON_SCHEMA:
            return LLMatcher.grammar_from_json_schema(form.text, overrides=_JSON_OPTIONS)
        case FormKind.REGEX:
            return LLMatcher.grammar_from_regex(form.text)
        case FormKind.GRAMMAR:
            return LLMatcher.grammar_from_lark(_lark(form))


def _lark(form: Form) -> str:
    if any(_IS_LARK.match(line.lstrip()) for line in form.text.splitlines()):
        return form.text
    depth = deepest = 0
    for character in form.text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if form.text.count("::=") > _MOST_RULES or deepest > _MOST_NESTED:
        raise UnusableForm(form.param, f"more than {_MOST_RULES} rules or {_MOST_NESTED} groups in groups")
    try:
        return gbnf_to_lark(form.text)
    except Exception as error:  # noqa: BLE001 (its parser raises Exception, and what Python raises)
        raise UnusableForm(form.param, one_line(f"not a grammar: {error}", _REASON_CHARS)) from None
