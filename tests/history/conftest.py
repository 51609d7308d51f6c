"""The stores under test; both run the same contract."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from tests.history.servers import MongoServer

from chatbot.adapters.history.mongo import MongoTurnStore
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.domain.history_ports import TurnStore

OpenStore = Callable[[], Awaitable[TurnStore]]


@pytest.fixture(params=["sqlite", "mongo"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens a store; every call opens the same database once more, as another process would."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":

            async def another() -> TurnStore:
                store = await SqliteTurnStore.open(tmp_path / "history.sqlite3")
                stack.push_async_callback(store.close)
                return store
        else:
            server: MongoServer = request.getfixturevalue("mongo_server")
            database = f"test_{uuid4().hex[:20]}"

            async def another() -> TurnStore:
                store = MongoTurnStore(server.uri, database, timeout_seconds=5)
                stack.push_async_callback(store.close)
                return store

        yield another


@pytest.fixture
async def store(open_store: OpenStore) -> TurnStore:
    return await open_store()
