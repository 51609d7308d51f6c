"""Rooms and the questions that are asked in them."""

import random
from dataclasses import dataclass
from typing import Any

from loadtest.client.published import PublishedService
from loadtest.client.question import QuestionToSend
from loadtest.generator.material import CHARACTERS, LINES, SEARCH_LINES, Character


@dataclass(slots=True)
class SimulatedRoom:
    """One conversation of one user."""

    service: PublishedService
    """With whom."""
    user_id: str
    """Whose."""
    character: Character | None
    """Who answers; None where the service plays no character."""
    db_id: str | None = None
    """The name that the service gave it with its first answer."""
    turns: int = 0
    """Questions asked so far."""

    def next_question(
        self, dice: random.Random, stream_share: float, search_share: float, *, intended_us: int | None = None
    ) -> QuestionToSend:
        """The next turn, streamed and searched for with these chances."""
        body: dict[str, Any] = {**self.service.example, "user_id": self.user_id, "db_id": self.db_id}
        searching = self.service.searches and dice.random() < search_share
        if self.service.searches:
            body["google_access"] = searching
        if self.character is not None:
            body |= {name: getattr(self.character, name) for name in self.service.character_fields}
            body["input_data"] = self.character.lines[self.turns % len(self.character.lines)]
        else:
            body["input_data"] = dice.choice(SEARCH_LINES if searching else LINES)
        self.turns += 1
        return QuestionToSend(
            service=self.service.name,
            user_id=self.user_id,
            body=body,
            character_name=self.character.character_name if self.character else "",
            stream=dice.random() < stream_share,
            intended_us=intended_us,
        )


def open_room(service: PublishedService, user_id: str, dice: random.Random) -> SimulatedRoom:
    """A new conversation, with a character drawn by chance where the service plays one."""
    return SimulatedRoom(service, user_id, dice.choice(CHARACTERS) if service.character_fields else None)
