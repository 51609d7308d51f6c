"""Words as keys of lorebooks: a stranger writes thousands of them, and every question looks for each.

``word in text`` may compare a whole word at each place of the text, which for all keys of a book is a second
in which no other thread runs. So the text's places are sorted once, after which each word takes as many
comparisons as the number of places has binary digits, whatever text and words are.
"""

from bisect import bisect_left
from functools import cached_property


class SaidWords:
    """What was said, for looking whether words stand in it."""

    def __init__(self, said: str, longest: int) -> None:
        """``longest`` is how many characters the longest word has, whether or not its case counts."""
        self._said = said
        self._longest = longest

    def has(self, word: str, *, case_sensitive: bool) -> bool:
        """Whether the word stands anywhere, in whatever case unless that counts; an empty one does."""
        places = self._exact if case_sensitive else self._folded
        word = word if case_sensitive else word.casefold()
        at = bisect_left(places, word)
        return not word or (at < len(places) and places[at].startswith(word))

    @cached_property
    def _exact(self) -> list[str]:
        return _places(self._said, self._longest)

    @cached_property
    def _folded(self) -> list[str]:
        return _places(self._said.casefold(), self._longest)


def _places(text: str, length: int) -> list[str]:
    """So many characters from each place of the text on, in their order."""
    return sorted({text[at : at + length] for at in range(len(text))})
