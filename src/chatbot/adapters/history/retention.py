"""Deleting rooms that nobody used for the configured time, once a day."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from chatbot.domain.history import HistoryUnavailable

_log = logging.getLogger(__name__)

DAY_SECONDS = 86400.0
FIRST_SECONDS = 60.0
"""After the start, so that a process that restarts every night prunes too, and not in its busiest minute."""

RETRY_SECONDS = 600.0


def cutoff(days: int, now: datetime | None = None) -> datetime:
    """The time before which a room's last turn must lie for the room to be deleted."""
    return (now or datetime.now(UTC)) - timedelta(days=days)


async def prune_daily(
    prune: Callable[[datetime], Awaitable[int]],
    days: int,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Prune for ever, once a day; while the database is away, try again every ten minutes."""
    await sleep(FIRST_SECONDS)
    while True:
        try:
            deleted = await prune(cutoff(days))
        except HistoryUnavailable as error:
            _log.warning("history_prune_postponed", extra={"reason": str(error)})
            await sleep(RETRY_SECONDS)
        else:
            _log.info("history_pruned", extra={"deleted_turns": deleted, "retention_days": days})
            await sleep(DAY_SECONDS)
