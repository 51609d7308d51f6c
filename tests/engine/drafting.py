"""A drafter that tests steer: rows that cost nothing, and guesses that are right when a test says so."""

from collections.abc import Callable

from tests.engine.rig import Rig, question

from chatbot.llm.llama.stepper import DecodedCall, Rows
from chatbot.llm.llama.stream import Stream

Guess = Callable[[Stream, int], tuple[list[int], list[float]]]

REPEATING = [question(f"{n}: " + "again and " * 9, system="Be kind. " * 8) for n in range(20)]


class Prophet:
    """Guesses what earlier answers to the same prompts were, wrongly at every ``wrong`` tokens."""

    def __init__(self, wrong: int) -> None:
        self._answers: dict[tuple[int, ...], list[int]] = {}
        self._wrong = wrong

    def learn(self, rig: Rig) -> None:
        """Remember what is written from now on."""
        answers = rig.loaded.engine._answers
        leave = answers.leave

        def remember(stream: Stream, *, complete: bool) -> None:
            known = self._answers.get(stream.prompt.tokens, [])
            self._answers[stream.prompt.tokens] = max(known, list(stream.tokens), key=len)
            leave(stream, complete=complete)

        answers.leave = remember  # type: ignore[method-assign]

    def guess(self, stream: Stream, most: int) -> tuple[list[int], list[float]]:
        """See Drafter."""
        at = len(stream.tokens)
        known = self._answers.get(stream.prompt.tokens, [])[at : at + max(0, most)]
        draft = [token ^ (not (at + ahead) % self._wrong) for ahead, token in enumerate(known)]
        return draft, [0.99 ** (ahead + 1) for ahead in range(len(draft))]


def with_free_rows(rig: Rig, guess: Guess | None = None) -> None:
    """Rows cost nothing, so that whatever is guessed is drafted; each call finds the pool as it should be."""
    speeds, stepper = rig.loaded.speeds, rig.loaded.engine._stepper
    speeds.rows.seconds = lambda _: 1.0  # type: ignore[method-assign, assignment]
    assert stepper._drafter is not None
    if guess is not None:
        stepper._drafter._guess = guess  # type: ignore[method-assign, assignment]
    decode = stepper.decode

    def checked(rows: Rows) -> DecodedCall:
        for stream, _ in rows:
            if stream.sequence is not None:
                assert stepper.context.memory.length(stream.sequence) == stream.done
                assert stepper.context.memory.agrees(stream.sequence)
        call = decode(rows)
        # What was planned for those that were preempted was not computed.
        assert stepper.context.batch.rows < 64 or not call.drafts
        return call

    stepper.decode = checked  # type: ignore[method-assign]
