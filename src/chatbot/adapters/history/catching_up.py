"""Bringing the database to where the folder of kept turns says it should be.

Always under the folder's lock, so that a turn is never written by one process while another deletes it.
"""

import asyncio
import logging

from chatbot.adapters.history.kept_files import Entry, Kept
from chatbot.adapters.history.spool import Spool
from chatbot.domain.history import HistoryUnavailable
from chatbot.domain.history_ports import TurnStore

_log = logging.getLogger(__name__)

LOCK_SECONDS = 5.5
"""Longest wait for the folder: longer than one operation of a store (5 s), so that a hung one has ended."""


class CatchUp:
    """Writes kept turns in their order, and deletes deleted ones again until ``mark_seconds`` have passed.

    By then no insert of an earlier attempt can be under way.
    """

    def __init__(self, store: TurnStore, spool: Spool, mark_seconds: float) -> None:
        self._store = store
        self._spool = spool
        self._mark_seconds = mark_seconds
        self._marked: dict[str, float] = {}

    async def owner(self, kept: Kept) -> None:
        """Catch up for the owner of these entries, if there are any.

        Raises:
            HistoryUnavailable: the database or the folder's lock could not be had; nothing is lost.
        """
        if entries := [*kept.turns, *kept.gone]:
            async with self._spool.locked(LOCK_SECONDS):
                await self._write(await self._spool.of(entries[0].owner))

    async def everybody(self) -> None:
        """Catch up for all owners.

        Raises:
            HistoryUnavailable: as ``owner``.
        """
        before = await self._spool.all()
        now = asyncio.get_running_loop().time()
        marks = [*before.done, *before.gone]
        self._marked = {entry.name: self._marked.get(entry.name, now) for entry in marks}
        for kept in before.by_owner().values():
            await self.owner(kept)
            await self._clear_marks(kept, now)
        if before.turns:
            _log.info("history_kept_turns_written", extra={"written": len(before.turns)})

    async def _clear_marks(self, kept: Kept, now: float) -> None:
        marks = [*kept.done, *kept.gone]
        if old := [entry for entry in marks if now - self._marked[entry.name] >= self._mark_seconds]:
            async with self._spool.locked(LOCK_SECONDS):
                await self._spool.forget(old)

    async def _write(self, kept: Kept) -> None:
        gone = {entry.id for entry in kept.gone}
        await self._store.delete_turns(gone)
        await self._spool.forget([entry for entry in kept.turns if entry.id in gone])
        written: list[Entry] = []
        try:
            for entry in kept.turns:
                if entry.id not in gone and await self._write_turn(entry):
                    written.append(entry)  # noqa: PERF401 (what was written counts if the next one fails)
        finally:
            if written:
                await self._spool.mark_done(written)

    async def _write_turn(self, entry: Entry) -> bool:
        """Write one kept turn; False when it can never be written and was set aside."""
        try:
            for turn in await self._spool.read([entry]):
                await self._store.insert(turn)
                return True
            reason = "damaged"
        except (HistoryUnavailable, OSError):
            raise
        except Exception as error:  # noqa: BLE001 (one turn that a store cannot take must not hold up the rest)
            reason = type(error).__name__
        await self._spool.set_aside(entry)
        _log.error("history_turn_set_aside", extra={"file": entry.name, "reason": reason})
        return False
