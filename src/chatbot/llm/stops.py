"""Stop strings in an answer that arrives in portions, whoever generates it.

A stop string may be spread over tokens, so text that could still become one is held back. Clients choose the
strings and may make them long and repetitive; so each character is compared as often as Knuth, Morris and
Pratt allow (SIAM Journal on Computing 6, 1977): twice on average, whatever the strings are.
"""

from collections.abc import Sequence


class StopFilter:
    """Passes one answer's text on until a stop string is complete; holds back what may become one.

    What comes out depends on the text alone, not on its portions. Of two stop strings that the same character
    completes the longer one counts.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        """Look for ``stops``; empty ones are ignored."""
        self._matchers = [_Matcher(stop) for stop in dict.fromkeys(stops) if stop]
        self._firsts = frozenset(matcher.stop[0] for matcher in self._matchers)
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """What may be shown after these further characters; sets ``stopped`` when a stop string is complete.

        Nothing more is shown after that.
        """
        if self.stopped:
            return ""
        if not self._held and self._firsts.isdisjoint(text):
            return text
        whole = self._held + text
        for end, character in enumerate(text, len(self._held) + 1):
            complete = max(matcher.complete_with(character) for matcher in self._matchers)
            if complete:
                self.stopped = True
                self._held = ""
                return whole[: end - complete]
        certain = len(whole) - max(matcher.matched for matcher in self._matchers)
        self._held = whole[certain:]
        return whole[:certain]

    def flush(self) -> str:
        """The answer is over: what was held back and turned out to be no stop string."""
        rest, self._held = self._held, ""
        return rest


class _Matcher:
    """How much of one stop string the text so far ends with: its first ``matched`` characters."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.matched = 0
        # For each beginning of the stop string, shortest first: the length of the longest shorter beginning
        # that it ends with. It grows with what is matched: a long string costs nothing before it is met.
        self._borders = [0]

    def complete_with(self, character: str) -> int:
        """Take the next character; the stop string's length if that completes it, else 0."""
        self.matched = self._extended(self.matched, character)
        if self.matched == len(self.stop):
            return self.matched
        if self.matched > len(self._borders):
            self._borders.append(self._extended(self._borders[-1], character))
        return 0

    def _extended(self, matched: int, character: str) -> int:
        while matched and self.stop[matched] != character:
            matched = self._borders[matched - 1]
        return matched + 1 if self.stop[matched] == character else 0
