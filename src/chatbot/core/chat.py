"""The door of a service: a place at the model is reserved before anything costs time."""

from collections.abc import Mapping

from chatbot.core.groundwork import Groundwork
from chatbot.core.reply import Backend, Reply
from chatbot.core.service import AnyService, Question
from chatbot.core.shares import KeyShares, SharedPlace
from chatbot.core.statistics import Statistics
from chatbot.domain.errors import Draining, Overloaded, UnknownModel
from chatbot.domain.messages import Sampling
from chatbot.domain.models import AdmissionRequest, Place
from chatbot.domain.telemetry import Outcome


class Chat:
    """The questions of one service."""

    def __init__(
        self,
        service: AnyService,
        backends: Mapping[str, Backend],
        groundwork: Groundwork,
        statistics: Statistics,
        deadline_seconds: float,
    ) -> None:
        self.service = service
        self.backends = backends
        self.groundwork = groundwork
        self.statistics = statistics
        self.draining = False
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
        await self.groundwork.settled()

    def backend(self, alias: str) -> Backend:
        """The backend of an alias; raises UnknownModel with the known ones."""
        try:
            return self.backends[alias]
        except KeyError:
            raise UnknownModel(alias, tuple(self.backends)) from None

    def begin(self, alias: str, ask: Question) -> Reply:
        """Reserve a place and return the reply, whose ``close`` must be called whatever happens.

        Raises:
            UnknownModel: before anything is counted.
            Overloaded, Unavailable: refused at the door; counted.
        """
        backend = self.backend(alias)
        sampling = ask.tune(backend.sampling)
        self.statistics.arrived()
        try:
            place = self._reserve(backend, ask, sampling)
        except BaseException as error:
            refused = isinstance(error, Overloaded)
            self.statistics.ended(Outcome.REFUSED if refused else Outcome.FAILED, ask.arrived)
            raise
        return Reply(ask, backend, sampling, place, self.groundwork, self.statistics)

    def _reserve(self, backend: Backend, ask: Question, sampling: Sampling) -> Place:
        if self.draining:
            raise Draining("the process finishes its answers and leaves")
        leave = self._shares.enter(ask.key, backend.model.queue_size(self.service.name))
        try:
            place = backend.model.reserve(
                AdmissionRequest(
                    service=self.service.name,
                    caller=ask.caller,
                    arrived=ask.arrived,
                    deadline=ask.arrived + self._deadline_seconds,
                    prompt_chars=ask.chars(backend.personas),
                    max_tokens=sampling.max_tokens,
                )
            )
        except BaseException:
            leave()
            raise
        return SharedPlace(place, leave)
