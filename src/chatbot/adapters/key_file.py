"""Reads and writes the keys file: names, hashes and users, never a key."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chatbot.domain.access import KeyEntry, KeyRing
from chatbot.domain.errors import StartupError

_Entries = TypeAdapter(tuple[KeyEntry, ...])


def read_entries(path: Path) -> tuple[KeyEntry, ...]:
    """All entries of the file.

    Raises:
        StartupError: unreadable or of the wrong shape. Keys that cannot be read must not mean open doors.
    """
    try:
        entries = _Entries.validate_python(json.loads(path.read_text("utf-8")))
    except ValidationError as error:
        places = ", ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} is wrong: {places}") from None
    except OSError as error:
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} is no JSON: {error}") from None
    if len({entry.name for entry in entries}) < len(entries):
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} names a key twice")
    return entries


def read_keys(path: Path | None) -> KeyRing | None:
    """The key ring of a file; None (no keys asked) without one."""
    return None if path is None else KeyRing(read_entries(path))


def add_entry(path: Path, entry: KeyEntry) -> None:
    """Append an entry.

    Raises:
        StartupError: the file is wrong already, cannot be written, or has that name.
    """
    entries = read_entries(path) if path.exists() else ()
    if any(entry.name == known.name for known in entries):
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} has a key {entry.name} already")
    _write(path, (*entries, entry))


def remove_entry(path: Path, name: str) -> None:
    """Take an entry away.

    Raises:
        StartupError: the file is wrong, cannot be written, or has no such name.
    """
    entries = read_entries(path)
    left = tuple(entry for entry in entries if entry.name != name)
    if len(left) == len(entries):
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} has no key {name}")
    _write(path, left)


def _write(path: Path, entries: tuple[KeyEntry, ...]) -> None:
    """Replace the file by a rename; it is readable by its owner only."""
    partial = path.with_name(path.name + ".part")
    try:
        partial.touch(mode=0o600)
        partial.write_bytes(_Entries.dump_json(entries, indent=2, exclude_none=True))
        partial.rename(path)
    except OSError as error:
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} cannot be written: {error.strerror}") from None
