"""Turns kept on disk while the database is away: one fsynced file a turn in one folder.

The folder is the truth and nothing of it is cached, so that several processes (services, a command)
may share it. A file is written aside, fsynced and renamed: it is whole or absent at any moment of a kill,
and its digest tells damage. Empty files remember for a while that an insert may still be under way
somewhere: ``.done`` of a turn that was written since, ``.gone`` of one that was deleted. ``.aside`` files are
turns that cannot be written; they stay for their operator.
"""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from chatbot.adapters.history.disk import check_room
from chatbot.adapters.history.kept_files import (
    ASIDE,
    DONE,
    GONE,
    TURN,
    Entry,
    Kept,
    decode,
    encode,
    owner_hash,
)
from chatbot.domain.history import HistoryUnavailable, NewTurn, Owner, chars_of

_Result = TypeVar("_Result")

_UNFINISHED = "tmp"
_LOCK = "lock"
_LARGE_TURN = 128 * 1024
"""Bytes: an answer of 32,768 tokens in Korean, and its question."""

STALE_SECONDS = 600.0
"""Age from which an unfinished file is what a kill left, not what another process is writing."""

_LOCK_POLL_SECONDS = 0.01


class Spool:
    """The folder. Methods raise OSError when the disk refuses; none blocks the event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ordering = threading.Lock()
        self._gate = asyncio.Lock()
        # Own threads: an answer must not wait for its history behind other work of the process.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="spool")

    def prepare(self) -> None:
        """Make the folder, readable by its owner only, and clear away what a kill left half written."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync(self.folder.parent)
        self._try_to_write(b"")
        for path in self.folder.glob(f"*.{_UNFINISHED}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()

    @asynccontextmanager
    async def locked(self, patience: float) -> AsyncGenerator[None, None]:
        """Hold the folder against every other writer to the database and every delete.

        Raises:
            HistoryUnavailable: somebody else held it for ``patience`` seconds.
        """
        try:
            async with asyncio.timeout(patience):
                await self._gate.acquire()
        except TimeoutError:
            raise HistoryUnavailable("kept turns are being written") from None
        try:
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                await _flock(descriptor, patience)
                yield
            finally:
                os.close(descriptor)
        finally:
            self._gate.release()

    async def of(self, owner: Owner | str) -> Kept:
        """What is kept of one owner, named or hashed."""
        name = owner if isinstance(owner, str) else owner_hash(owner)
        return await self._run(self._listed, f"{name}.")

    async def all(self) -> Kept:
        """What is kept of everybody."""
        return await self._run(self._listed, "")

    async def keep(self, turn: NewTurn) -> None:
        """Keep the turn after all of its owner's; it survives a kill and a power cut from here on."""
        await self._run(self._keep, turn)

    async def read(self, entries: Sequence[Entry]) -> list[NewTurn]:
        """The turns of the entries; what vanished (it was written or deleted) or is damaged is left out."""
        return await self._run(lambda: [turn for entry in entries if (turn := self._read(entry))])

    async def read_last(self, entries: Sequence[Entry], chars: int) -> list[NewTurn]:
        """As ``read``, but no more than the last turns that have ``chars`` characters."""
        return await self._run(self._read_last, entries, chars)

    async def forget(self, entries: Sequence[Entry]) -> None:
        """Take the entries away for good."""
        if entries:
            await self._run(self._forget, entries)

    async def mark_done(self, entries: Sequence[Entry]) -> None:
        """Take turns away that the database has, and note that an earlier insert of them may still come."""
        await self._run(self._mark, entries, DONE)

    async def mark_gone(self, entries: Sequence[Entry]) -> None:
        """Take turns away that were deleted, and note that an insert of them may still come."""
        await self._run(self._mark, entries, GONE)

    async def set_aside(self, entry: Entry) -> None:
        """Keep the file, but try it no more."""
        await self._run(self._set_aside, entry)

    async def check_writable(self, *, by_writing: bool) -> None:
        """Return when a turn could be kept; ``by_writing`` tries it with a file of a large turn's size.

        Raises:
            OSError: it could not.
        """
        await self._run(self._check_writable, by_writing)

    def count(self) -> int:
        """How many turns are kept, by a quick look; a folder that cannot be read counts as empty."""
        try:
            with os.scandir(self.folder) as files:
                return sum(file.name.endswith(f".{TURN}") for file in files)
        except OSError:
            return 0

    def close(self) -> None:
        """Release the threads."""
        self._threads.shutdown(wait=False)

    async def _run(self, work: Callable[..., _Result], *values: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *values)

    def _listed(self, prefix: str) -> Kept:
        kept = Kept()
        with os.scandir(self.folder) as files:
            names = [file.name for file in files if file.name.startswith(prefix)]
        kinds = {TURN: kept.turns, DONE: kept.done, GONE: kept.gone, ASIDE: kept.aside}
        for name in sorted(names):
            if entry := Entry.parse(name):
                kinds[entry.kind].append(entry)
        kept.turns.sort(key=lambda entry: (entry.owner, entry.order, entry.id))
        return kept

    def _keep(self, turn: NewTurn) -> None:
        unfinished = self.folder / f"{uuid4().hex}.{_UNFINISHED}"
        owner = owner_hash(Owner(turn.room.service, turn.room.user_id))
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(encode(turn))
                file.flush()
                os.fsync(file.fileno())
            with self._ordering:
                turns = self._listed(f"{owner}.").turns
                if all(entry.id != turn.id for entry in turns):
                    order = max((entry.order for entry in turns), default=0) + 1
                    unfinished.rename(self.folder / Entry(owner, turn.room.db_id, order, turn.id, TURN).name)
            _sync(self.folder)
        finally:
            unfinished.unlink(missing_ok=True)

    def _check_writable(self, by_writing: bool) -> None:
        check_room(self.folder)
        if by_writing:
            self._try_to_write(bytes(_LARGE_TURN))

    def _try_to_write(self, content: bytes) -> None:
        trial = self.folder / f"{uuid4().hex}.{_UNFINISHED}"
        try:
            descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        finally:
            trial.unlink(missing_ok=True)

    def _read(self, entry: Entry) -> NewTurn | None:
        try:
            turn = decode((self.folder / entry.name).read_bytes())
        except FileNotFoundError:
            return None
        return turn if turn is not None and turn.id == entry.id else None

    def _read_last(self, entries: Sequence[Entry], chars: int) -> list[NewTurn]:
        turns: list[NewTurn] = []
        for entry in reversed(entries):
            if turn := self._read(entry):
                turns.append(turn)
                chars -= chars_of([turn])
            if chars <= 0:
                break
        return turns[::-1]

    def _forget(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            (self.folder / entry.name).unlink(missing_ok=True)
        _sync(self.folder)

    def _mark(self, entries: Sequence[Entry], kind: str) -> None:
        for entry in entries:
            (self.folder / replace(entry, kind=kind).name).touch(mode=0o600)
        _sync(self.folder)
        self._forget(entries)

    def _set_aside(self, entry: Entry) -> None:
        with suppress(FileNotFoundError):
            (self.folder / entry.name).rename(self.folder / replace(entry, kind=ASIDE).name)
        _sync(self.folder)


def _sync(folder: Path) -> None:
    """Make new names, renames and unlinks of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _flock(descriptor: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise HistoryUnavailable("another process writes kept turns") from None
            await asyncio.sleep(_LOCK_POLL_SECONDS)
        else:
            return
