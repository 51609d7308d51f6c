"""Load on both services at once, half of the users each."""

from loadtest.scenarios.shape import PlannedShape
from loadtest.scenarios.test_character_load import CharacterArrivals, CharacterUser
from loadtest.scenarios.test_office_load import OfficeArrivals, OfficeUser

__all__ = ["CharacterArrivals", "CharacterUser", "OfficeArrivals", "OfficeUser", "PlannedShape"]
