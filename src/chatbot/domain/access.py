"""API keys: who a key is and which users it may speak for.

Keys are random and long, so a plain SHA-256 is all that needs to be kept of them.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

_PREFIX = "cb_"


class KeyEntry(BaseModel):
    """One key of the keys file: its name in logs, its hash, and the ``user_id`` patterns it owns.

    A pattern is exact or ends in ``*``; ``*`` alone owns every user, for a trusted front end. ``limit`` is
    how many questions of the key may be under way at each service, of all its users together; None: no limit
    but each user's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    users: tuple[str, ...] = Field(min_length=1)
    limit: int | None = Field(default=None, ge=1, le=10_000)

    def owns(self, user_id: str) -> bool:
        """Whether this key may name the user."""
        return any(fnmatchcase(user_id, pattern) for pattern in self.users)


def digest(key: str) -> str:
    """The hash under which a key is kept: SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """A fresh key of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(32)


class KeyRing:
    """All keys of the suite."""

    def __init__(self, entries: Iterable[KeyEntry]) -> None:
        self._entries = tuple(entries)

    def find(self, key: str) -> KeyEntry | None:
        """The entry of a key. Every entry is compared, each in constant time, so timing tells nothing."""
        hashed = digest(key)
        found = None
        for entry in self._entries:
            if hmac.compare_digest(entry.sha256, hashed):
                found = entry
        return found
