"""Load on the office service: `locust -f test_office_load.py` (web interface on 8089), or with
`--headless`.
"""

from loadtest.scenarios.chat_user import Arrivals, ChatUser
from loadtest.scenarios.shape import PlannedShape

__all__ = ["OfficeArrivals", "OfficeUser", "PlannedShape"]


class OfficeUser(ChatUser):
    """A person who talks to the office service."""

    service = "office"


class OfficeArrivals(Arrivals):
    """People who come to the office service one after another."""

    service = "office"
