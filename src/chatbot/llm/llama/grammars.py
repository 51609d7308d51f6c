"""Forms of answers (JSON, regular expressions, grammars) as constraints, by llguidance.

Reading a large vocabulary takes it a second, and for a part of that nothing else in the process runs; so it
is done in the background, when the model has been measured.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from chatbot.domain.errors import Draining, UnusableForm
from chatbot.domain.forms import Form
from chatbot.llm.llama.constraint import (
    Constraint,
    ConstraintExhausted,
    FormMasks,
    Mask,
    mask_of,
    mask_words,
)
from chatbot.llm.llama.form_trial import NOTHING_BEGINS, compiled, reason_of
from chatbot.llm.llama.form_trials import FormTrials
from chatbot.llm.llama.vocabulary import Vocabulary


class SpokenTokens:
    """What forms may ask for: a grammar can name any token, but control tokens are for the suite to write."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.size = vocabulary.size
        self.forbidden = vocabulary.forbidden
        """Control and end tokens, and marks."""
        self.speaking: Mask = ~mask_of(np.array(sorted(vocabulary.forbidden), dtype=np.intp), self.size)
        """All others."""
        self.ends: Mask = mask_of(np.array(sorted(vocabulary.end_tokens), dtype=np.intp), self.size)
        """Those that end an answer."""


class GrammarConstraint:
    """A form, and how far an answer has come in it; see Constraint."""

    def __init__(self, matcher: LLMatcher, tokens: SpokenTokens, masks: FormMasks) -> None:
        """``masks`` are those of all answers of the form."""
        self._matcher = matcher
        self._tokens = tokens
        self._masks = masks
        self.mask_times = masks.of_answer()
        self._advancing = 0.0
        self._mask: Mask = np.zeros(mask_words(tokens.size), dtype=np.uint32)

    @property
    def complete(self) -> bool:
        """See Constraint."""
        return bool(self._matcher.is_stopped())

    def mask(self) -> Mask:
        """See Constraint; an end may come only where the form is complete."""
        begun = time.thread_time()
        self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        self.mask_times.saw(time.thread_time() - begun + self._advancing)
        if self.mask_times.masks == 1:
            self._masks.began(self.mask_times)
        self._check()
        ends: Mask = self._mask & self._tokens.ends
        self._mask &= self._tokens.speaking
        if ends.any() and self._matcher.is_accepting():
            self._mask |= ends
        return self._mask

    def advance(self, token: int) -> None:
        """See Constraint."""
        begun = time.thread_time()
        self._matcher.consume_token(token)
        self._advancing = time.thread_time() - begun
        self._check()

    def possible(self, tokens: Sequence[int]) -> int:
        """See Constraint."""
        spoken = takewhile(lambda token: token not in self._tokens.forbidden, tokens)
        return self._matcher.validate_tokens(list(spoken))

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ConstraintExhausted


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
    """Makes the constraints of one vocabulary; used on event loops, closed on any thread."""

    def __init__(self, vocabulary: Vocabulary, pieces: Future[list[bytes]]) -> None:
        """Read the vocabulary as soon as its ``pieces`` are there; it must outlive ``close``."""
        self._vocabulary = vocabulary
        self._spoken = SpokenTokens(vocabulary)
        self._trials = FormTrials()
        self._closed = False
        # Apart from the trials: a form that is known waits for none of them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grammars")
        self._tokenizer: Future[LLTokenizer] = self._thread.submit(self._read_vocabulary, pieces)

    async def constraints(self, form: Form | None, answers: int, caller: str) -> list[Constraint | None]:
        """The form for so many answers, each at its beginning; None for each where there is none.

        ``caller`` is who asks, whose share of the trials a new form takes.

        Raises:
            UnusableForm: it is no form, or goes beyond the bounds.
            Overloaded: as many forms of the caller as may be are being tried.
            Unavailable: forms of others are being tried.
            Draining: the engine is being closed.
        """
        if form is None:
            return [None] * answers
        tried = await self._trials.tried(form, caller)
        tokenizer = await asyncio.shield(asyncio.wrap_future(self._tokenizer))
        try:
            compiling = self._thread.submit(self._compiled, tokenizer, tried.grammar, form.param)
        except RuntimeError:
            raise Draining("the engine has stopped") from None
        matcher = await asyncio.wrap_future(compiling)
        return [GrammarConstraint(matcher.deep_copy(), self._spoken, tried.masks) for _ in range(answers)]

    def close(self) -> None:
        """Stop using the vocabulary; whoever waits for a form gets Draining."""
        self._closed = True
        self._trials.close()
        self._thread.shutdown()

    def _read_vocabulary(self, reading: Future[list[bytes]]) -> LLTokenizer:
        vocabulary, pieces = self._vocabulary, reading.result()
        ends = sorted(vocabulary.end_tokens)
        silent = [token for token, piece in enumerate(pieces) if not piece or token in vocabulary.forbidden]
        words = _Words(list(pieces), ends[0], silent, vocabulary.content)
        # Without slices: they triple the time in which nothing else runs, for masks that are rarely needed.
        tokenizer = LLTokenizer(words, n_vocab=vocabulary.size, eos_token=ends, slices=[])  # type: ignore[arg-type]
        # It has a copy of them, and keeps the object for its tokenize.
        words.tokens.clear()
        return tokenizer

    def _compiled(self, tokenizer: LLTokenizer, grammar: str, param: str) -> LLMatcher:
        if self._closed:
            raise Draining("the engine has stopped")
        matcher = compiled(tokenizer, grammar)
        if matcher.is_error():
            raise UnusableForm(param, reason_of(matcher))
        try:
            # None of the engine's: nobody waits for it.
            begins = GrammarConstraint(matcher, self._spoken, FormMasks()).mask().any()
        except ConstraintExhausted:
            raise UnusableForm(param, reason_of(matcher)) from None
        if not begins:
            raise UnusableForm(param, NOTHING_BEGINS)
        return matcher
