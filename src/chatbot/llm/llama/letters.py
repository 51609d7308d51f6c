"""Keeps an answer to the characters of some scripts, to the byte: what is malformed never comes either.

A token may end within a character, and then says only by its bytes what may follow. So the constraint follows
the answer's bytes, and for each place within a character there is a mask of the tokens that go on with an
allowed one. A mask is made when its state is met for the first time.
"""

from collections.abc import Sequence

from chatbot.domain.letters import Scripts
from chatbot.domain.scripts import script_ranges
from chatbot.llm.llama.constraint import CHEAP, Mask, mask_of
from chatbot.llm.llama.token_bytes import AnswerTokens
from chatbot.llm.llama.utf8 import DEAD, WHOLE, Utf8Automaton
from chatbot.llm.llama.vocabulary import Vocabulary


class LetterMasks:
    """What a vocabulary's tokens do to a text in some scripts; safe to use from several threads."""

    def __init__(self, tokens: AnswerTokens, scripts: Scripts) -> None:
        ranges = script_ranges()
        self.automaton = Utf8Automaton(ends for script in scripts for ends in ranges.get(script, ()))
        self._tokens = tokens
        # Made at once, since nearly every token begins between two characters.
        self._masks = {WHOLE: self._made(WHOLE)}

    def mask(self, state: int) -> Mask:
        """The tokens that may follow in a state of the automaton; those that end an answer always may."""
        known = self._masks.get(state)
        if known is None:
            # Two threads may make the same.
            known = self._masks[state] = self._made(state)
        return known

    def _made(self, state: int) -> Mask:
        tokens = self._tokens.speaking if state == WHOLE else self._tokens.tails
        ids, states = tokens.run(self.automaton.transitions, state)
        joined: Mask = self._tokens.silent | mask_of(ids[states != DEAD], self._tokens.size)
        return joined


class Letters:
    """Implements Constraint: an answer that consists of whole characters of the masks' scripts."""

    complete = False
    mask_times = CHEAP

    def __init__(self, masks: LetterMasks, vocabulary: Vocabulary) -> None:
        self._masks = masks
        self._vocabulary = vocabulary
        self._state = WHOLE

    def mask(self) -> Mask:
        """See Constraint."""
        return self._masks.mask(self._state)

    def advance(self, token: int) -> None:
        """See Constraint."""
        # Dead behind what somebody else's form wanted in spite of the letters: then they begin anew.
        self._state = self._after(self._state, token) or WHOLE

    def possible(self, tokens: Sequence[int]) -> int:
        """See Constraint."""
        state = self._state
        for count, token in enumerate(tokens):
            state = self._after(state, token)
            if state == DEAD:
                return count
        return len(tokens)

    def _after(self, state: int, token: int) -> int:
        if token in self._vocabulary.end_tokens:
            return state
        return self._masks.automaton.after(state, self._vocabulary.piece(token))
