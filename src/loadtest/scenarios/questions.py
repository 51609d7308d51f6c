"""Rooms and the requests that are made in them."""

import random
from dataclasses import dataclass
from typing import Any

from loadtest.client import Ask
from loadtest.scenarios.material import CHARACTERS, OFFICE_LINES, SEARCH_LINES, Character


@dataclass(slots=True)
class Room:
    """One conversation. The service names it with its first answer; `character` is None for office."""

    service: str
    user_id: str
    character: Character | None
    db_id: str | None = None
    turns: int = 0

    def next_question(
        self, dice: random.Random, stream_share: float, search_share: float, *, intended_us: int | None = None
    ) -> Ask:
        """The next turn, streamed and searched for with these chances."""
        body: dict[str, Any] = {"user_id": self.user_id, "db_id": self.db_id}
        if self.character is not None:
            lines = self.character.lines
            body |= {
                "input_data": lines[self.turns % len(lines)],
                "character_name": self.character.name,
                "greeting": self.character.greeting,
                "context": self.character.context,
            }
        elif dice.random() < search_share:
            body |= {"input_data": dice.choice(SEARCH_LINES), "google_access": True}
        else:
            body |= {"input_data": dice.choice(OFFICE_LINES), "google_access": False}
        self.turns += 1
        return Ask(
            service=self.service,
            user_id=self.user_id,
            body=body,
            character_name=self.character.name if self.character else "",
            stream=dice.random() < stream_share,
            intended_us=intended_us,
        )


def open_room(service: str, user_id: str, dice: random.Random) -> Room:
    """A new conversation with a character drawn by chance, or with the office assistant."""
    return Room(service, user_id, dice.choice(CHARACTERS) if service == "character" else None)
