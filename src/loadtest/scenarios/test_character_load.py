"""Load on the character service: `locust -f test_character_load.py` (web interface on 8089), or with
`--headless`.
"""

from loadtest.scenarios.chat_user import Arrivals, ChatUser
from loadtest.scenarios.shape import PlannedShape

__all__ = ["CharacterArrivals", "CharacterUser", "PlannedShape"]


class CharacterUser(ChatUser):
    """A person who talks to the character service."""

    service = "character"


class CharacterArrivals(Arrivals):
    """People who come to the character service one after another."""

    service = "character"
