"""What the scheduler knows of a request that asks for a place, before anything is decided."""

from dataclasses import dataclass

from chatbot.scheduling.forecast import NewcomerForecast
from chatbot.scheduling.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A request, and what it would meet if it joined."""

    ticket: Ticket
    """The request."""
    now: float
    """Monotonic seconds."""
    key: float
    """Its key in the fair order."""
    forecast: NewcomerForecast
    """When it would start, speak and end."""
    waiting: int
    """Places of all that have not begun."""
    work: float
    """Seconds by which it would lengthen the queue."""
    overtaking: float
    """Seconds in which those who wait would catch up with what its caller has had, if they went on asking."""
    safety: float
    """Factor by which its end may come later than predicted."""

    @property
    def left(self) -> float:
        """Seconds to its deadline."""
        return self.ticket.deadline - self.now

    @property
    def duration(self) -> float:
        """Seconds from the end of the queue to its last token.

        An answer that is too long for its deadline even without a queue counts as one that just fits, so that
        it is let in where the queue is short.
        """
        return min(self.forecast.end - self.forecast.queue, self.left / self.safety)

    @property
    def seconds_per_place(self) -> float:
        """Seconds that each place of the queue takes."""
        return max(self.work, self.forecast.queue / max(1, self.waiting))
