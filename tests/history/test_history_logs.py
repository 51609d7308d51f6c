"""No word of a conversation reaches a log, at any level, whatever goes wrong."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.history.makers import make_room, make_turn
from tests.history.servers import MongoServer
from tests.support.talkative import Talk

from chatbot.adapters.history.opening import open_history
from chatbot.domain.config import HistoryConfig
from chatbot.domain.history import HistoryUnavailable
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

QUESTION, ANSWER, USER = "카나리아질문4711", "canary-answer-4711", "canary.user@4711"


async def live(config: HistoryConfig, folder: Path, server: MongoServer | None) -> None:
    """A life with everything in it: turns, an outage, a turn that cannot be written, deletes."""
    history = await open_history(config, folder)
    room = make_room(USER)
    await history.remember(make_turn(room, QUESTION, ANSWER))
    await history.recall(room, 10)
    await history.rooms(ServiceName("office"), USER)
    if server is not None:
        server.kill()
    await history.store.close() if server is None else None
    await history.remember(make_turn(room, QUESTION, ANSWER))
    await history.recall(room, 10)
    for path in history.spool.folder.glob("*.turn"):
        path.write_bytes(path.read_bytes().replace(b"4711", b"0815"))
    with pytest.raises(HistoryUnavailable):
        await history.delete_room(room)
    if server is not None:
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(15):
            while history.pending():
                await asyncio.sleep(0.05)
    await history.close()


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_planted_canaries_stay_out_of_the_log(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    talk: Talk,
) -> None:  # fmt: skip
    server: MongoServer | None = request.getfixturevalue("own_mongo_server") if kind == "mongo" else None
    config = HistoryConfig()
    if server is not None:
        config = HistoryConfig(mongo_uri=SecretStr(server.uri), database=f"log_{uuid4().hex[:8]}")
    talk("json")
    await live(config, tmp_path, server)
    output = capsys.readouterr()
    text = output.out + output.err
    assert "history_" in text, "nothing was logged, so nothing was shown"
    for canary in (QUESTION, ANSWER, USER, "카나리아", "canary"):
        assert canary not in text
