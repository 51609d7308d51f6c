"""Who asks: the API key when keys are on, and the fairness key of every question."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chatbot.domain.access import KeyEntry, Keys
from chatbot.domain.errors import KeyRequired, NotYourUser


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    key: KeyEntry | None
    """The API key's entry; None when keys are off."""

    address: str
    """The client's address, or what a trusted proxy says it is."""

    def check_owns(self, user_id: str | None) -> None:
        """Raise NotYourUser unless the key may speak for the user."""
        if self.key is not None and user_id is not None and not self.key.owns(user_id):
            raise NotYourUser(f"key {self.key.name} does not own the user")

    def caller(self, user_id: str | None) -> str:
        """The fairness key (contract §3): the API key, else the user, else the address.

        A key of many users (a front end's) is split by user, so that its users stay fair to each other.
        """
        if self.key is not None:
            return f"key:{self.key.name}" if user_id is None else f"key:{self.key.name}/{user_id}"
        return f"address:{self.address}" if user_id is None else f"user:{user_id}"


def principal(keys: Keys | None) -> Callable[..., Awaitable[Principal]]:
    """A dependency that yields the asker, or raises KeyRequired; its scheme shows in the API docs.

    A coroutine, though it waits for nothing: FastAPI sends plain functions to another thread.
    """
    scheme = HTTPBearer(auto_error=False, description="API key; asked only when the operator turned keys on.")

    async def without_key(request: Request) -> Principal:
        return Principal(None, request.client.host if request.client else "unknown")

    async def check_key(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]
    ) -> Principal:
        assert keys is not None  # noqa: S101 (chosen below)
        # Of two headers, a proxy in front may have judged the other one.
        once = len(request.headers.getlist("authorization")) == 1
        entry = keys.find(credentials.credentials) if credentials and once else None
        if entry is None:
            raise KeyRequired("no valid API key")
        return Principal(entry, request.client.host if request.client else "unknown")

    return without_key if keys is None else check_key
