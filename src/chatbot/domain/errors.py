"""Every failure the suite can name, as one tree; api/errors.py maps each class to its HTTP answer.

ChatbotError
├── BadQuestion            400
│   ├── UnknownModel
│   ├── CannotContinue
│   ├── PromptTooLong
│   ├── TooManyAnswers
│   ├── UnknownToken
│   └── UnusableForm
├── KeyRequired            401
├── NotYourUser            403
├── RoomNotFound           404
├── TurnNotFound           404
├── SummaryNotFound        404
├── AnswerNotFound         404
├── RoomGoesOn             409
├── CharacterNotFound      404
├── CharacterChanged       409, with what it is now
├── Overloaded             429, with retry_after and queue_size
├── ModelFailed            500  a defect of ours
├── UpstreamFailed         502  a foreign model service failed
├── Unavailable            503, with retry_after
│   ├── NotConfigured
│   ├── Loading
│   ├── Draining
│   ├── GaveWay
│   │   └── NoFreeCells
│   └── AskElsewhere   with a mark that a balancer reads
└── DeadlineExceeded       504

StartupError stands apart: it ends the process with its sentence instead of a traceback.
"""

import math
from collections.abc import Sequence

from chatbot.domain.characters import StoredCharacter
from chatbot.domain.messages import Finished


class ChatbotError(Exception):
    """Base of all; ``str()`` is for logs, never for a response body."""


class BadQuestion(ChatbotError):
    """The request is well formed but cannot be answered as it stands."""


class UnknownModel(BadQuestion):
    """No model goes by this alias; ``known`` lists those that do."""

    def __init__(self, alias: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown model alias; known: {', '.join(known)}")
        self.alias = alias
        self.known = tuple(known)


class CannotContinue(BadQuestion):
    """The model cannot go on behind an answer that is begun already."""


class PromptTooLong(BadQuestion):
    """Persona and question alone exceed the context; ``needed`` and ``limit`` count tokens.

    ``needed`` may be an estimate: nobody counts all tokens of what is far too long.
    """

    def __init__(self, needed: int, limit: int) -> None:
        super().__init__(f"the prompt needs {needed} tokens, {limit} fit")
        self.needed = needed
        self.limit = limit


class TooManyAnswers(BadQuestion):
    """A question asks for more answers than its caller may have at once, which is ``limit``."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more answers than the {limit} that one caller may have")
        self.limit = limit


class UnknownToken(BadQuestion):
    """A token's id is none of the model's, which has ``size`` tokens."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a token's id beyond the vocabulary of {size}")
        self.size = size


class UnusableForm(BadQuestion):
    """No answer can be held to this form; ``param`` is the field that asked for it, ``reason`` says why.

    The reason may quote the form, so it is for whoever sent it, not for logs.
    """

    def __init__(self, param: str, reason: str) -> None:
        super().__init__("no answer can be held to the form that was asked for")
        self.param = param
        self.reason = reason


class KeyRequired(ChatbotError):
    """API keys are on and the request carries none, or a wrong one."""


class NotYourUser(ChatbotError):
    """The API key does not own the ``user_id`` that the request names."""


class RoomNotFound(ChatbotError):
    """The room is absent or belongs to somebody else; the caller cannot tell which."""


class TurnNotFound(ChatbotError):
    """The turn is absent from the room, or the room belongs to somebody else."""


class SummaryNotFound(ChatbotError):
    """The room has no summary up to this turn, or it belongs to somebody else."""


class RoomGoesOn(ChatbotError):
    """Turns from elsewhere would have to go between or behind turns that were written here."""


class AnswerNotFound(ChatbotError):
    """No stream of this answer is kept here, or it belongs to somebody else."""


class CharacterNotFound(ChatbotError):
    """The user has no such character, or it has no such picture."""


class CharacterChanged(ChatbotError):
    """A character was changed by somebody else meanwhile; ``stored`` is what it is now."""

    def __init__(self, stored: StoredCharacter) -> None:
        super().__init__(f"version {stored.version} is the newest")
        self.stored = stored


LONGEST_RETRY = 600
"""Seconds: nobody acts on a longer wait."""


class Overloaded(ChatbotError):
    """The request was not admitted: so many requests were waiting, and ``wait`` is seconds.

    What is told of them, ``retry_after``, is whole seconds from 1 to LONGEST_RETRY.
    """

    def __init__(self, wait: float, queue_size: int, reason: str) -> None:
        self.retry_after = math.ceil(min(max(wait, 1.0), LONGEST_RETRY))
        super().__init__(f"refused ({reason}): {queue_size} waiting, retry after {self.retry_after} s")
        self.queue_size = queue_size
        self.reason = reason


class ModelFailed(ChatbotError):
    """The local engine failed this request; the cause is chained and logged."""


class UpstreamFailed(ChatbotError):
    """A foreign model service answered with an error or nonsense."""


class Unavailable(ChatbotError):
    """The service cannot answer now; ``retry_after`` is whole seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotConfigured(Unavailable):
    """A setting is missing for what was asked, such as the OpenAI key."""


class Loading(Unavailable):
    """The model is still being loaded."""


class Draining(Unavailable):
    """The process is finishing its work before it leaves."""


class GaveWay(Unavailable):
    """An errand was given up: somebody has a place, or the engine has no free cells for it."""


class NoFreeCells(GaveWay):
    """There are no free cells for what is written for nobody."""


class AskElsewhere(Unavailable):
    """This process does not begin the question, and another one may: only said to who can ask that one."""


class DeadlineExceeded(ChatbotError):
    """The deadline passed before the last token; ``stage`` says where: queue, prefill or decode.

    ``begun`` tells of what was done until then, where that is known.
    """

    def __init__(self, stage: str, begun: Finished | None = None) -> None:
        super().__init__(f"the deadline passed in {stage}")
        self.stage = stage
        self.begun = begun


class StartupError(Exception):
    """The process cannot start; the message is one sentence that says what is wrong and what to do."""
