"""API keys: who a key is and which users it may speak for.

Keys are random and long, so a plain SHA-256 is all that needs to be kept of them.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_PREFIX = "cb_"


def _pattern(text: str) -> str:
    """Refuse what would look like a pattern and be none."""
    if not text or "*" in text[:-1]:
        raise ValueError("must be a user_id, or how some begin with a * behind it")
    return text


class KeyEntry(BaseModel):
    """One key of the keys file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$")
    """What the key is called in logs and limits."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Its hash, in hexadecimal."""

    users: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(min_length=1)
    """Each ``user_id`` that it owns, exact or ending in ``*``; ``*`` alone owns every user, for a trusted
    front end."""

    limit: int | None = Field(default=None, ge=1, le=10_000)
    """Its questions that may be under way at each service, of all its users together; None: only each user's
    limit holds."""

    expires: date | None = None
    """The last day, in UTC, on which it is good; None: it does not expire."""

    def owns(self, user_id: str) -> bool:
        """Whether this key may name the user."""
        return any(
            user_id.startswith(pattern[:-1]) if pattern.endswith("*") else user_id == pattern
            for pattern in self.users
        )

    def expired(self, today: date) -> bool:
        """Whether the key is good no more; ``today`` is a day in UTC."""
        return self.expires is not None and self.expires < today


class Keys(Protocol):
    """Where keys are looked up."""

    def find(self, key: str) -> KeyEntry | None:
        """The entry of a key that is good now; None for every other."""
        ...


def digest(key: str) -> str:
    """The hash under which a key is kept: SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """A fresh key of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(32)


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


class KeyRing:
    """All keys of the suite, as they are at one time."""

    def __init__(self, entries: Iterable[KeyEntry], day: Callable[[], date] = today) -> None:
        """``day`` tells the day in UTC."""
        self.entries = tuple(entries)
        self._day = day

    def find(self, key: str) -> KeyEntry | None:
        """As Keys.find. Every entry is compared, each in constant time, so timing tells nothing."""
        hashed = digest(key)
        found = None
        for entry in self.entries:
            if hmac.compare_digest(entry.sha256, hashed):
                found = entry
        return None if found is None or found.expired(self._day()) else found
