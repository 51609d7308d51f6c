"""The door of both services: a place at the model is reserved before anything costs time."""

from collections.abc import Mapping

from chatbot.core.groundwork import Groundwork
from chatbot.core.reply import Backend, Reply
from chatbot.core.service import Ask, Service
from chatbot.core.statistics import Statistics
from chatbot.domain.errors import Overloaded, UnknownModel
from chatbot.domain.models import AdmissionRequest
from chatbot.domain.telemetry import Outcome


class Chat:
    """The questions of one service."""

    def __init__(
        self,
        service: Service,
        backends: Mapping[str, Backend],
        groundwork: Groundwork,
        statistics: Statistics,
        deadline_seconds: float,
    ) -> None:
        self.service = service
        self.backends = backends
        self.groundwork = groundwork
        self.statistics = statistics
        self._deadline_seconds = deadline_seconds

    def backend(self, alias: str) -> Backend:
        """The backend of an alias; raises UnknownModel with the known ones."""
        try:
            return self.backends[alias]
        except KeyError:
            raise UnknownModel(alias, tuple(self.backends)) from None

    def begin(self, alias: str, ask: Ask) -> Reply:
        """Reserve a place and return the reply, whose ``close`` must be called whatever happens.

        Raises:
            UnknownModel: before anything is counted.
            Overloaded, Unavailable: refused at the door; counted.
        """
        backend = self.backend(alias)
        sampling = ask.tune(backend.sampling)
        self.statistics.arrived()
        try:
            place = backend.model.reserve(
                AdmissionRequest(
                    service=self.service.name,
                    caller=ask.caller,
                    arrived=ask.arrived,
                    deadline=ask.arrived + self._deadline_seconds,
                    prompt_chars=ask.chars,
                    max_tokens=sampling.max_tokens,
                )
            )
        except BaseException as error:
            refused = isinstance(error, Overloaded)
            self.statistics.ended(Outcome.REFUSED if refused else Outcome.FAILED, ask.arrived)
            raise
        return Reply(ask, backend, sampling, place, self.groundwork, self.statistics)
