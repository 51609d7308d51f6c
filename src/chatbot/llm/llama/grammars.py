"""Forms of answers (JSON, regular expressions, grammars) as constraints, by llguidance.

Reading a large vocabulary takes it a second, and for a part of that nothing else in the process runs; so it
is done beside the model's warm-up, when nobody waits for a token. A form is a stranger's text, and a short
one may take forever to compile: it is tried in a process that is ended then, before it comes near the engine.
"""

import asyncio
import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from chatbot.domain.errors import ModelFailed, Unavailable, UnusableForm
from chatbot.domain.messages import Form, FormKind
from chatbot.llm.llama.constraint import Constraint, Mask, mask_words
from chatbot.llm.llama.form_trial import compiled, reason_of
from chatbot.llm.llama.vocabulary import Vocabulary

MOST_BYTES = 32 * 1024
"""Of a form's text."""

_SECONDS = 10.0
"""After which a trial is given up that has not had its share of a processor by then."""

_REMEMBERED = 64
"""Forms that need no further trial; most clients have one."""


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
        self._tried: OrderedDict[tuple[FormKind, str], str] = OrderedDict()
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
        matcher = await asyncio.wrap_future(self._thread.submit(self._compiled, tokenizer, form))
        return [GrammarConstraint(matcher.deep_copy(), self._vocabulary.size) for _ in range(answers)]

    def close(self) -> None:
        """Stop using the vocabulary."""
        self._thread.shutdown(cancel_futures=True)

    def _read_vocabulary(self) -> LLTokenizer:
        vocabulary = self._vocabulary
        ends = sorted(vocabulary.end_tokens)
        pieces = vocabulary.pieces()
        silent = [token for token, piece in enumerate(pieces) if not piece or token in vocabulary.forbidden]
        words = _Words(pieces, ends[0], silent, vocabulary.content)
        # Without slices: they triple the time in which nothing else runs, for masks that are rarely needed.
        tokenizer = LLTokenizer(words, n_vocab=vocabulary.size, eos_token=ends, slices=[])  # type: ignore[arg-type]
        # It has a copy of them, and keeps the object for its tokenize.
        pieces.clear()
        return tokenizer

    def _compiled(self, tokenizer: LLTokenizer, form: Form) -> LLMatcher:
        key = form.kind, form.text
        if key not in self._tried:
            self._tried[key] = _tried(form)
        self._tried.move_to_end(key)
        while len(self._tried) > _REMEMBERED:
            self._tried.popitem(last=False)
        matcher = compiled(tokenizer, self._tried[key])
        if matcher.is_error():
            raise UnusableForm(form.param, reason_of(matcher))
        return matcher


def _tried(form: Form) -> str:
    """The form as a grammar that was compiled once, in a process that may not take long for it."""
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-m", "chatbot.llm.llama.form_trial"],
            input=json.dumps([form.kind, form.text]).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable("a form could not be tried in time") from None
    if trial.returncode < 0:
        raise UnusableForm(form.param, "it takes too long to compile, or too much memory")
    if trial.returncode:
        raise ModelFailed("a form could not be tried")
    told = json.loads(trial.stdout)
    if "reason" in told:
        raise UnusableForm(form.param, told["reason"])
    return str(told["grammar"])
