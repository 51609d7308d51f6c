"""Copies of all turns and characters in a folder: each is whole or absent, and only so many are kept.

A copy is written aside, fsynced and renamed. Where public keys are given, `age` encrypts it on the way: the
text reaches the disk encrypted only, and who holds the folder cannot read it.
"""

import fcntl
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from chatbot.domain.errors import StartupError

AGE = "age"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup did: ``path`` is None where there was nothing to copy."""

    path: Path | None
    removed: Sequence[Path]


async def back_up(
    lines: AsyncIterator[str], folder: Path, name: str, keep: int, keys: Path | None, now: datetime
) -> Copied:
    """Write an export's lines to ``<name>-<time>.jsonl`` (``.age`` where ``keys`` is a file of public keys).

    Then the oldest copies of that name go, until ``keep`` are left. Without a line nothing is written and
    nothing goes: an empty database is more often a lost one.

    Raises:
        StartupError: the folder cannot be written, another backup of that name runs, or age refuses the keys.
        HistoryUnavailable: the database cannot be read; no copy was made, and none has gone.
    """
    path = folder / f"{name}-{now:%Y%m%dT%H%M%SZ}.jsonl{'.age' if keys else ''}"
    aside = folder / f".{name}.part"
    written = False
    try:
        with _alone(aside) as file:
            with _encrypted(file, keys) as written_to:
                async for line in lines:
                    written_to.write(f"{line}\n".encode())
                    written = True
            if not written:
                aside.unlink()
                return Copied(None, ())
            os.fsync(file.fileno())
            aside.rename(path)
        _flush(folder)
        older = _copies(folder, name)[:-keep]
        for each in older:
            each.unlink()
    except OSError as error:
        raise StartupError(f"{folder} cannot be written: {error.strerror or error}") from error
    return Copied(path, older)


def _copies(folder: Path, name: str) -> list[Path]:
    """The copies of that name, oldest first; nothing else that lies in the folder."""
    pattern = re.compile(rf"{re.escape(name)}-\d{{8}}T\d{{6}}Z\.jsonl(\.age)?")
    return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))


@contextmanager
def _alone(aside: Path) -> Iterator[IO[bytes]]:
    """The file of the copy being written: empty, for its owner's eyes only, and gone after an error."""
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if not _locked(descriptor, aside):
            raise StartupError(f"another backup writes {aside}: wait until it has ended")
        file.truncate(0)
        try:
            yield file
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def _locked(descriptor: int, aside: Path) -> bool:
    """Whether the file is ours: nobody writes it, and whoever did has not made a copy of it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), aside.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


@contextmanager
def _encrypted(file: IO[bytes], keys: Path | None) -> Iterator[IO[bytes]]:
    """Where to write the text of a copy: the file, or age in front of it."""
    if keys is None:
        yield file
        file.flush()
        return
    try:
        age = subprocess.Popen(  # noqa: S603 - the only argument is a path that the operator names
            [AGE, "--recipients-file", keys], stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE
        )
    except FileNotFoundError:
        raise StartupError("encrypted backups need age in PATH (Debian: apt-get install age)") from None
    cut = False
    try:
        yield cast("IO[bytes]", age.stdin)
    except BrokenPipeError:
        cut = True
    except BaseException:
        age.kill()
        age.communicate()
        raise
    _, said = age.communicate()
    if cut or age.returncode:
        reason = said.decode(errors="replace").strip().splitlines() or ["it ended early"]
        raise StartupError(f"age does not encrypt with the keys of {keys}: {reason[0]}")


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
