"""What holds every answer of a service, whatever its client asks for: letters, numbers, what it cites.

They follow from what entered the prompt and from the kind of its form. Laying out a large vocabulary for them
takes half a second, so it is done in the background, when the model has been measured; the first answer that
needs it waits for it.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

from chatbot.domain.forms import FormKind
from chatbot.domain.letters import OWN, scripts_of_answer
from chatbot.domain.messages import Sampling
from chatbot.llm.llama.citing import CitationMasks, CitationTokens, Citing
from chatbot.llm.llama.constraint import Constraint
from chatbot.llm.llama.json_digits import DigitMasks, JsonDigits
from chatbot.llm.llama.letters import LetterMasks, Letters
from chatbot.llm.llama.prompt import RenderedPrompt
from chatbot.llm.llama.token_bytes import AnswerTokens
from chatbot.llm.llama.vocabulary import Vocabulary

_JSON = (FormKind.JSON_OBJECT, FormKind.JSON_SCHEMA, FormKind.CALL)

_KEPT = 8
"""Sets of scripts, and numbers of search results, for which masks are kept: strangers' texts choose them."""


class _Masks:
    """The masks of one vocabulary; those that were used of late are kept."""

    def __init__(self, vocabulary: Vocabulary, pieces: Future[list[bytes]]) -> None:
        tokens = AnswerTokens(pieces.result(), vocabulary.end_tokens)
        closing = CitationTokens(tokens)
        self.letters = lru_cache(_KEPT)(lambda scripts: LetterMasks(tokens, scripts))
        self.citations = lru_cache(_KEPT)(lambda hits: CitationMasks(closing, hits))
        self.digits = DigitMasks(tokens)
        self.letters(OWN)


class AnswerRules:
    """Makes the constraints of a model's answers; safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary, pieces: Future[list[bytes]]) -> None:
        """Lay the vocabulary out as soon as its ``pieces`` are there; it must outlive ``close``."""
        self._vocabulary = vocabulary
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="masks")
        self._masks = self._thread.submit(_Masks, vocabulary, pieces)

    def constraints(self, prompt: RenderedPrompt, sampling: Sampling) -> list[Constraint]:
        """Those of one answer to the prompt, at its beginning; often none.

        It may take milliseconds, so not on an event loop.
        """
        conversation, form = prompt.conversation, sampling.form
        # In JSON, [1] is a list.
        found = prompt.hits if form is None else None
        scripts = scripts_of_answer(conversation, form) if sampling.korean_letters else None
        made: list[Constraint] = []
        if scripts is not None:
            made.append(Letters(self._masks.result().letters(scripts), self._vocabulary))
        if found is not None:
            made.append(Citing(self._masks.result().citations(found), self._vocabulary, conversation.begun))
        if form is not None and form.kind in _JSON:
            made.append(JsonDigits(self._masks.result().digits, self._vocabulary))
        return made

    def close(self) -> None:
        """Stop using the vocabulary."""
        self._thread.shutdown(cancel_futures=True)
