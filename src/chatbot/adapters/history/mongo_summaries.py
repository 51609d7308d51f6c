"""Summaries in MongoDB, each a document under its own id; only inserts and deletes are relied on."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chatbot.adapters.history.mongo_documents import Collections, Document, key
from chatbot.domain.history import MOST_SUMMARIES, PathSummary, Room
from chatbot.domain.plaintext import mended
from chatbot.domain.turn_records import milliseconds


class MongoSummaries:
    """Summaries in a collection of their own."""

    def __init__(
        self,
        asking: Callable[[], AbstractAsyncContextManager[Collections]],
        inserted: Callable[[Any, Document], Awaitable[bool]],
    ) -> None:
        """``asking`` gives the collections, ``inserted`` inserts and says whether the id was free."""
        self._asking = asking
        self._inserted = inserted

    async def of_room(self, room: Room) -> Sequence[PathSummary]:
        """As the port says; between an insert and what it forgets there are two of a turn."""
        chosen: dict[str, PathSummary] = {}
        async with self._asking() as found:
            documents = await found.summaries.find(key(room)).to_list(None)
        for document in sorted(documents, key=_precedence):
            chosen[document["turn"]] = PathSummary(
                UUID(document["_id"]),
                room,
                UUID(document["turn"]),
                document["text"],
                document["edited"],
                document["created_at"].astimezone(UTC),
            )
        return list(chosen.values())

    async def put(self, summary: PathSummary) -> bool:
        """As the port says.

        Whoever deletes the turn deletes its summaries after it. So either the turn is seen to be gone here,
        or that delete finds this summary.
        """
        turn = {"_id": str(summary.turn), **key(summary.room)}
        document = {
            "_id": str(summary.id),
            **key(summary.room),
            "turn": str(summary.turn),
            "text": mended(summary.text),
            "edited": summary.edited,
            "created_at": milliseconds(summary.created_at),
        }
        async with self._asking() as found:
            if await found.turns.find_one(turn, {"_id": 1}) is None:
                return False
            if not await self._inserted(found.summaries, document):
                same = {"_id": document["_id"], **key(summary.room), "turn": document["turn"]}
                return await found.summaries.find_one(same, {"_id": 1}) is not None
            if await found.turns.find_one(turn, {"_id": 1}) is None:
                await found.summaries.delete_one({"_id": document["_id"]})
                return False
            await self._forget(found, summary)
        return True

    async def _forget(self, found: Collections, summary: PathSummary) -> None:
        """Delete the others of the same turn, and those beyond what a room keeps."""
        fields = {"turn": 1, "edited": 1, "created_at": 1}
        there = await found.summaries.find(key(summary.room), fields).to_list(None)
        there.sort(key=_precedence)
        of_turn = [one["_id"] for one in there if one["turn"] == str(summary.turn)]
        old = {*of_turn[:-1], *(one["_id"] for one in there[:-MOST_SUMMARIES])}
        if old:
            await found.summaries.delete_many({"_id": {"$in": sorted(old)}})


def _precedence(document: Document) -> tuple[bool, datetime, str]:
    """By which the last of several is the one that counts."""
    return document["edited"], document["created_at"], document["_id"]
