"""From configuration to a working history: which store, which folder, and the tasks that look after them."""

import sqlite3
from pathlib import Path

from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.retention import prune_daily
from chatbot.adapters.history.spool import Spool
from chatbot.domain.config import HistoryConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.history_ports import TurnStore


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


async def open_store(config: HistoryConfig, data_dir: Path) -> TurnStore:
    """The configured database of turns. A MongoDB is not asked yet: it may be away.

    Raises:
        StartupError: the address is none, or the SQLite file cannot be used.
    """
    uri = config.mongo_uri.get_secret_value()
    if uri:
        from chatbot.adapters.history.mongo import MongoTurnStore

        return MongoTurnStore(uri, config.database, config.timeout_seconds)
    from chatbot.adapters.history.sqlite import SqliteTurnStore

    path = config.sqlite_path or data_dir / "history.sqlite3"
    try:
        return await SqliteTurnStore.open(path)
    except (sqlite3.Error, OSError) as error:
        variable = "CHATBOT_HISTORY__SQLITE_PATH" if config.sqlite_path else "CHATBOT_DATA_DIR"
        raise StartupError(f"{variable}: the history file {path} cannot be used: {_reason(error)}") from error


def open_spool(config: HistoryConfig, data_dir: Path) -> Spool:
    """The folder that keeps turns while the database is away.

    Raises:
        StartupError: it cannot be made or written.
    """
    spool = Spool(config.spool_dir or data_dir / "spool")
    try:
        spool.prepare()
    except OSError as error:
        variable = "CHATBOT_HISTORY__SPOOL_DIR" if config.spool_dir else "CHATBOT_DATA_DIR"
        raise StartupError(
            f"{variable}: the folder {spool.folder} for kept turns cannot be used: {_reason(error)}"
        ) from error
    return spool


async def open_history(config: HistoryConfig, data_dir: Path) -> ResilientHistory:
    """Open the history of a process and start its tasks; close it after use.

    Returns at once: while the database is away it keeps turns, says so once, and writes them later.

    Raises:
        StartupError: as open_store and open_spool.
    """
    spool = open_spool(config, data_dir)
    history = ResilientHistory(await open_store(config, data_dir), spool, config.timeout_seconds)
    days = config.retention_days
    history.start(*([prune_daily(history.prune, days)] if days else []))
    return history
