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
    """Append an entry; the file is replaced by a rename, readable by its owner only.

    Raises:
        StartupError: the file is wrong already, or has that name.
    """
    entries = read_entries(path) if path.exists() else ()
    if any(entry.name == known.name for known in entries):
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} has a key {entry.name} already")
    partial = path.with_name(path.name + ".part")
    partial.touch(mode=0o600)
    partial.write_bytes(_Entries.dump_json((*entries, entry), indent=2))
    partial.rename(path)
