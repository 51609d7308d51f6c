"""Where the questions of a service come in: a place at the model is reserved before anything costs time."""

from collections.abc import Mapping
from contextlib import ExitStack

from chatbot.core.context import ContextBuilder
from chatbot.core.reply import Backend, Reply
from chatbot.core.service import AnyService, Question
from chatbot.core.shares import KeyShares
from chatbot.core.statistics import Statistics
from chatbot.core.turns import TurnWriter
from chatbot.domain.aims import Act
from chatbot.domain.errors import (
    AskElsewhere,
    BadQuestion,
    CannotContinue,
    Draining,
    Loading,
    Overloaded,
    UnknownModel,
    UnusableForm,
)
from chatbot.domain.forms import TOO_LONG
from chatbot.domain.models import Admission, AdmissionRequest
from chatbot.domain.telemetry import Outcome


class Chat:
    """The questions of one service."""

    def __init__(
        self,
        service: AnyService,
        backends: Mapping[str, Backend],
        context: ContextBuilder,
        turns: TurnWriter,
        statistics: Statistics,
        deadline_seconds: float,
    ) -> None:
        """``deadline_seconds`` is the longest time from a question's arrival to its last token."""
        self.service = service
        self.backends = backends
        self.statistics = statistics
        self.draining = False
        self._context = context
        self._turns = turns
        self._deadline_seconds = deadline_seconds
        self._shares = KeyShares(lambda: statistics.mean_seconds)

    def queue_size(self) -> int:
        """Questions of the service that hold a place at any of its models and have not begun."""
        models = {backend.model for backend in self.backends.values()}
        return sum(model.queue_size(self.service.name) for model in models)

    async def drain(self) -> None:
        """Refuse new questions and return when those under way have ended and are stored."""
        self.draining = True
        await self.statistics.until_idle()
        await self._turns.settled()

    def backend(self, alias: str) -> Backend:
        """The backend of an alias; raises UnknownModel with the known ones."""
        try:
            return self.backends[alias]
        except KeyError:
            raise UnknownModel(alias, tuple(self.backends)) from None

    def begin(self, alias: str, question: Question, admission: Admission = Admission.HERE) -> Reply:
        """Reserve a place and return the reply, whose ``close`` must be called whatever happens.

        Raises:
            UnknownModel: before anything is counted.
            AskElsewhere: as ``admission`` says; counted apart.
            Overloaded, BadQuestion, Unavailable: refused; counted.
            HistoryUnavailable: refused, for its turn could not be stored; counted.
        """
        backend = self.backend(alias)
        self.statistics.arrived()
        try:
            return self._admit(backend, question, at_once=admission is Admission.NOW)
        except (AskElsewhere, Draining, Loading) as error:
            if admission is Admission.HERE:
                self.statistics.ended(Outcome.FAILED, question.arrived)
                raise
            self.statistics.passed_on()
            raise AskElsewhere(str(error)) from error
        except BaseException as error:
            refused = isinstance(error, Overloaded | BadQuestion)
            self.statistics.ended(Outcome.REFUSED if refused else Outcome.FAILED, question.arrived)
            raise

    def _admit(self, backend: Backend, question: Question, *, at_once: bool) -> Reply:
        if self.draining:
            raise Draining("the process finishes its answers and leaves")
        if question.aim.act is Act.CONTINUE and not backend.model.continues:
            raise CannotContinue(f"{backend.model.name} answers whole questions only")
        self._turns.check(question)
        sampling = question.tune(backend.sampling)
        form = sampling.form
        if form is not None and form.too_long:
            # Before a place, and before a stream of events begins that repeats the form in each.
            raise UnusableForm(form.param, TOO_LONG)
        frame = question.frame(backend.personas)
        request = AdmissionRequest(
            service=self.service.name,
            caller=question.caller,
            arrived=question.arrived,
            deadline=question.arrived + self._deadline_seconds,
            prompt_chars=question.chars(frame),
            max_tokens=sampling.max_tokens,
            answers=question.answers,
            at_once=at_once,
        )
        with ExitStack() as held:
            waiting = backend.model.queue_size(self.service.name)
            held.enter_context(self._shares.held(question.key, question.answers, waiting))
            place = backend.model.reserve(request)
            held.callback(place.release)
            return Reply(
                question=question,
                frame=frame,
                backend=backend,
                sampling=sampling,
                place=place,
                held=held.pop_all(),
                context=self._context,
                turns=self._turns,
                statistics=self.statistics,
            )
