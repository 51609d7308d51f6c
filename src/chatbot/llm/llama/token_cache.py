"""The tokens of texts that come again, within a bound that strangers' texts cannot move."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable

Tokenised = tuple[int, ...]

_TOKEN = 28
"""Bytes of a token beside its place in the tuple: an int of its own."""

_ENTRY = 120
"""Bytes of an entry beside its text and tokens: a node of the ordered dictionary and its place there."""


class TokenCache:
    """Tokens by text, the least recently used out first; safe to use from several threads."""

    def __init__(self, budget: int) -> None:
        """Keep texts and their tokens in ``budget`` bytes of memory in all, about."""
        self._budget = budget
        self._texts: OrderedDict[str, Tokenised] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, text: str, tokenise: Callable[[], Tokenised]) -> Tokenised:
        """The tokens of the text, made by ``tokenise`` if they are not known."""
        with self._lock:
            known = self._texts.get(text)
            if known is not None:
                self._texts.move_to_end(text)
                return known
        # Without the lock, so that one long text holds up nobody; two threads may do the same work.
        tokens = tokenise()
        with self._lock:
            if text not in self._texts:
                self._texts[text] = tokens
                self.size += _cost(text, tokens)
            while self.size > self._budget:
                self.size -= _cost(*self._texts.popitem(last=False))
        return tokens


def _cost(text: str, tokens: Tokenised) -> int:
    """Bytes of an entry: a text may have few tokens and many characters, or none at all."""
    return _ENTRY + sys.getsizeof(text) + sys.getsizeof(tokens) + _TOKEN * len(tokens)
