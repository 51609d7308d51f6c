"""The keys of a running suite: read again when their file changes, so that a removed key ends at once."""

import asyncio
import logging
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from chatbot.adapters.key_file import note_uses, read_entries
from chatbot.domain.access import KeyEntry, KeyRing
from chatbot.domain.errors import StartupError

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the file is looked at: one stat call."""

NOTE_SECONDS = 60.0
"""How often the keys' last uses are written down, at most."""


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does: also when it, or a link on its path, is replaced; None without one."""
    try:
        found = os.stat(path)  # noqa: PTH116 (one call)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class WatchedKeys:
    """Keys of a file. A file that has become wrong changes nothing: the keys read before stay good."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            StartupError: it cannot be read or is wrong.
        """
        self._path = path
        self._stamp = _stamp(path)
        self._ring = KeyRing(read_entries(path))
        self._used: dict[str, datetime] = {}
        self._noted = time.monotonic()
        self._note_failed = False
        self._asked = asyncio.Event()

    def find(self, key: str) -> KeyEntry | None:
        """As Keys.find, from memory; notes the use."""
        entry = self._ring.find(key)
        if entry is not None:
            self._used[entry.sha256] = datetime.now(UTC).replace(microsecond=0)
        return entry

    def reload(self) -> None:
        """Read the file again soon, even if it looks unchanged; to be called on the event loop."""
        self._asked.set()

    async def watch(self) -> None:
        """Follow the file until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()
            asked = self._asked.is_set()
            self._asked.clear()
            await asyncio.to_thread(self._look, asked=asked)
            if time.monotonic() - self._noted >= NOTE_SECONDS:
                await self.note()

    async def note(self) -> None:
        """Write the last uses down; a folder that cannot be written is said once."""
        self._noted = time.monotonic()
        used, self._used = self._used, {}
        if not used:
            return
        known = frozenset(entry.sha256 for entry in self._ring.entries)
        try:
            await asyncio.to_thread(note_uses, self._path, used, known)
        except OSError as error:
            if not self._note_failed:
                self._note_failed = True
                _log.warning("key_uses_not_noted", extra={"errno": error.errno})

    def _look(self, *, asked: bool) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp and not asked:
            return
        self._stamp = stamp
        try:
            ring = KeyRing(read_entries(self._path))
        except StartupError as error:
            _log.error("keys_not_read", extra={"reason": str(error)})
            return
        self._ring = ring
        _log.info("keys_read", extra={"keys": len(ring.entries)})


def open_keys(path: Path | None) -> WatchedKeys | None:
    """The keys of a file; None (no keys asked) without one.

    Raises:
        StartupError: the file cannot be read or is wrong.
    """
    return None if path is None else WatchedKeys(path)
