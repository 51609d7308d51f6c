"""Stop strings that may be spread over tokens: text that could still become one is held back."""

from collections.abc import Sequence


class StopStrings:
    """Looks for the first of ``stops`` in one answer.

    ``line_start`` treats the answer's beginning as the start of a line, so that a stop that begins with a
    line feed also catches the first line.
    """

    def __init__(self, stops: Sequence[str], *, line_start: bool = False) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = "\n" if line_start and self._stops else ""
        self._phantom = len(self._held)
        self.found = False

    def feed(self, text: str) -> str:
        """The text that may be shown now; after a stop string has been ``found`` nothing more."""
        if self.found:
            return ""
        held = self._held + text
        places = [place for stop in self._stops if (place := held.find(stop)) >= 0]
        if places:
            self.found = True
            self._held = ""
            return self._shown(held[: min(places)])
        keep = self._undecided(held)
        self._held = held[len(held) - keep :]
        return self._shown(held[: len(held) - keep])

    def finish(self) -> str:
        """The answer is over: what was held back belongs to it."""
        held, self._held = self._held, ""
        return self._shown(held)

    def _undecided(self, text: str) -> int:
        """Length of the longest end of ``text`` with which some stop string begins."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _shown(self, text: str) -> str:
        if self._phantom and text:
            text, self._phantom = text[1:], 0
        return text
