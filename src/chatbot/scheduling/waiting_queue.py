"""Who starts next: those who wait, in an order that is fixed when they come.

A newcomer gets the place that the fair order gives it, unless a later one there could then miss its deadline;
in that case it stands behind the last of these. So nobody who was let in is passed until it is too late, and
fairness holds as far as that permits.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from chatbot.scheduling.ticket import Ticket


class WaitingQueue:
    """Tickets with their keys in the fair order; keys never decrease along the queue."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self._keys: list[float] = []

    @property
    def tickets(self) -> Sequence[Ticket]:
        """All tickets, the next to start first."""
        return self._tickets

    def index_for(self, ticket: Ticket, key: float, spare: Sequence[float], longest: float) -> int:
        """The index at which the ticket would stand; a caller's own tickets keep their order.

        Args:
            ticket: Who would join.
            key: Its key in the fair order.
            spare: For each index, the fewest seconds that anybody there or behind can wait longer.
            longest: Seconds by which the ticket could hold up one behind it.
        """
        first = bisect_right(self._keys, key)
        last_own = first - 1
        for index in range(len(self._tickets) - 1, first - 1, -1):
            if self._tickets[index].caller == ticket.caller:
                last_own = index
                break
        return bisect_left(spare, longest, lo=last_own + 1)

    def join(self, ticket: Ticket, key: float, index: int) -> None:
        """Take the place found for the key."""
        self._keys.insert(index, max(key, self._keys[index - 1]) if index else key)
        self._tickets.insert(index, ticket)

    def rejoin(self, ticket: Ticket) -> None:
        """A ticket that ran already stands in front of all others."""
        self._tickets.insert(0, ticket)
        self._keys.insert(0, self._keys[0] if self._keys else 0.0)

    def leave(self, ticket: Ticket) -> None:
        """The ticket starts or is given up."""
        index = self._tickets.index(ticket)
        del self._tickets[index], self._keys[index]

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket in self._tickets

    def __len__(self) -> int:
        return len(self._tickets)
