"""What may follow in one answer: what followed in its own tokens when its last ones stood there before.

Answers that correct, continue or quote repeat what stands in their prompt. Only the stream's own tokens are
looked at: what another room's texts would make faster could be timed by whoever asks.

Earlier places are found as deflate finds them (RFC 1951, section 4): an index of short runs with chains of
the places where each stood, of which a few are compared. So a token costs the same however long the text is.
"""

from collections.abc import Collection, Sequence

_MOST_READ = 4096
"""Tokens taken in at once, about 2 ms: a longer prompt is taken in over several steps."""

_MOST_PLACES = 8
"""Earlier places of the last two tokens that are compared."""

_LONGEST_RUN = 16
"""Tokens that are compared; who agrees in so many probably quotes."""

_NEAR = 8
_RESUMED_RUN = 8
"""Within so many tokens behind a wrong guess the text probably goes on, as if a run of so many agreed."""

_LEAST_CHANCE = 0.05
"""A draft ends where fewer than one in twenty would still be right."""

_PRIOR = (0.25, 0.5, 0.75, 0.9)
"""Share of right guesses after a run of 2, 4, 8 and 16 tokens, before the stream has shown its own."""

_PRIOR_WEIGHT = 4.0
"""Guesses that the prior counts as."""

_DECAY = 0.95
"""Of a guess's weight with each later one: an answer quotes for a while and then goes on in its own words."""


class _Share:
    """The share of right guesses, of late."""

    def __init__(self, prior: float) -> None:
        self._right = prior * _PRIOR_WEIGHT
        self._all = _PRIOR_WEIGHT

    @property
    def value(self) -> float:
        return self._right / self._all

    def saw(self, *, right: bool) -> None:
        self._right = self._right * _DECAY + right
        self._all = self._all * _DECAY + 1.0


class DraftSource:
    """Guesses for one stream, and how often they were right.

    Every token that the sampler chooses is compared with what would have been guessed, drafted or not: so it
    costs nothing to find out that drafts have begun to pay, or no longer do.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[int, int], int] = {}
        # For each token the place behind the last earlier one that ends the same pair; 0 for none.
        self._earlier: list[int] = []
        # Where the guess of the next token stands, and how many tokens before it agree; 0 is no guess.
        self._place = 0
        self._run = 0
        # Where the last guess was wrong.
        self._broken_off = -_NEAR
        self._shares = [_Share(prior) for prior in _PRIOR]

    def read(self, tokens: Sequence[int], prompt: int) -> bool:
        """Take in what is new of the stream's tokens, of which so many are the prompt.

        Returns:
            Whether all are taken in, so that there may be a guess.
        """
        stop = min(len(tokens), len(self._earlier) + _MOST_READ)
        for at in range(len(self._earlier), stop):
            token = tokens[at]
            if at >= prompt and self._run:
                self._compare(tokens[self._place] == token)
            pair = (tokens[at - 1], token) if at else (-1, token)
            self._earlier.append(self._ends.get(pair, 0))
            self._ends[pair] = at + 1
        if stop == len(tokens) and not self._run:
            self._find(tokens)
        return stop == len(tokens)

    def guess(self, tokens: Sequence[int], most: int, ends: Collection[int]) -> tuple[list[int], list[float]]:
        """At most so many tokens that may follow, none of ``ends`` among them.

        Returns:
            The tokens, and for each the probability that it and all before it are right.
        """
        guessed: list[int] = []
        chances: list[float] = []
        chance, run = 1.0, self._run
        for token in tokens[self._place : self._place + most] if run else ():
            chance *= self._share(run).value
            if chance < _LEAST_CHANCE or token in ends:
                break
            guessed.append(token)
            chances.append(chance)
            run += 1
        return guessed, chances

    def _compare(self, right: bool) -> None:
        self._share(self._run).saw(right=right)
        if right:
            self._place, self._run = self._place + 1, self._run + 1
        else:
            self._broken_off, self._run = self._place, 0

    def _find(self, tokens: Sequence[int]) -> None:
        """The earlier place whose last tokens agree longest with the newest; of equal ones the latest.

        A place shortly behind the last wrong guess counts as a long run: there a corrected text goes on.
        """
        place = self._earlier[-1]
        for _ in range(_MOST_PLACES):
            if not place:
                return
            run = _agreement(tokens, place)
            if 0 < place - self._broken_off <= _NEAR:
                run = max(run, _RESUMED_RUN)
            if run > self._run:
                self._place, self._run = place, run
            place = self._earlier[place - 1]

    def _share(self, run: int) -> _Share:
        return self._shares[min(run, _LONGEST_RUN).bit_length() - 2]


def _agreement(tokens: Sequence[int], place: int) -> int:
    """How many tokens before ``place`` are the same as the last ones; at least 2, since the index says so."""
    run = 2
    while run < min(place, _LONGEST_RUN) and tokens[place - 1 - run] == tokens[-1 - run]:
        run += 1
    return run
