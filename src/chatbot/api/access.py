"""Who asks: the API key when keys are on, the users it may speak for, and a question's fairness key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chatbot.domain.access import KeyEntry, Keys
from chatbot.domain.errors import KeyRequired, NotYourUser
from chatbot.domain.schemas import UserId


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


def identified(keys: Keys | None) -> Callable[..., Awaitable[None]]:
    """A dependency of a router: find out who asks, or raise KeyRequired; its scheme shows in the API docs.

    The routes read what was found as ``Asker`` or ``OwnUser``, which are types of this module because they
    hold no keys. A coroutine, though it waits for nothing: FastAPI sends plain functions to another thread.
    """
    scheme = HTTPBearer(auto_error=False, description="API key; asked only when the operator turned keys on.")

    async def without_key(request: Request) -> None:
        _found(request, None)

    async def check_key(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]
    ) -> None:
        assert keys is not None  # noqa: S101 (chosen below)
        # Of two headers, a proxy in front may have judged the other one.
        once = len(request.headers.getlist("authorization")) == 1
        entry = keys.find(credentials.credentials) if credentials and once else None
        if entry is None:
            raise KeyRequired("no valid API key")
        _found(request, entry)

    return without_key if keys is None else check_key


def of_users(keys: Keys | None) -> list[params.Depends]:
    """The dependencies of a router whose routes take an ``OwnUser``."""
    return [Depends(_each_once), Depends(identified(keys))]


def _found(request: Request, key: KeyEntry | None) -> None:
    request.state.asker = Principal(key, request.client.host if request.client else "unknown")


async def _asker(request: Request) -> Principal:
    asker: Principal = request.state.asker
    return asker


Asker = Annotated[Principal, Depends(_asker)]
"""Who asks; for the routes of a router that is ``identified``."""


async def _own_user(asker: Asker, user_id: Annotated[UserId, Query(examples=["test_user"])]) -> str:
    asker.check_owns(user_id)
    return user_id


OwnUser = Annotated[str, Depends(_own_user)]
"""The ``user_id`` that a request names, which the asker must own; for the routes of a router ``of_users``."""


async def _each_once(request: Request) -> None:
    """Refuse a parameter that is sent twice: a proxy in front may have judged the other one."""
    names = [
        name
        for name in ("user_id", "after", "limit", "branches", "version", "format")
        if len(request.query_params.getlist(name)) > 1
    ]
    if names:
        raise RequestValidationError([{"type": "doubled", "loc": ("query", name)} for name in names])
