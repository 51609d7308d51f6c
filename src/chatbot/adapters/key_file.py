"""The keys file (names, hashes, users, never a key), and beside it when each key was last used."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from chatbot.domain.access import KeyEntry
from chatbot.domain.errors import StartupError

_Entries = TypeAdapter(tuple[KeyEntry, ...])
_LastUses = TypeAdapter(dict[str, AwareDatetime])


def read_entries(path: Path) -> tuple[KeyEntry, ...]:
    """All entries of the file.

    Raises:
        StartupError: unreadable or of the wrong shape; it must not pass for a file without keys.
    """
    try:
        entries = _Entries.validate_python(json.loads(path.read_text("utf-8")))
    except ValidationError as error:
        places = ", ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} is wrong: {places}") from None
    except OSError as error:
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} is no JSON: {error}") from None
    if len({entry.name for entry in entries}) < len(entries):
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} names a key twice")
    return entries


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


def last_uses(path: Path) -> dict[str, datetime]:
    """When the keys of this keys file were last used, by their hashes; a key that is not in it: unknown."""
    try:
        return dict(_LastUses.validate_json(_uses_file(path).read_bytes()))
    except (OSError, ValidationError):
        return {}


def note_uses(path: Path, used: Mapping[str, datetime], known: frozenset[str]) -> None:
    """Write down when keys were used, beside the keys file; other processes may write there too.

    ``used`` are times by the keys' hashes, ``known`` the hashes that the keys file has: others are dropped.

    Raises:
        OSError: it cannot be written.
    """
    before = last_uses(path)
    times = {key: time for key, time in before.items() if key in known}
    for key, time in used.items():
        if key in known:
            times[key] = max(time, times.get(key, time))
    if times != before:
        _replace(_uses_file(path), _LastUses.dump_json(times, indent=2))


def _uses_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.used")


def _write(path: Path, entries: tuple[KeyEntry, ...]) -> None:
    try:
        _replace(path, _Entries.dump_json(entries, indent=2, exclude_none=True))
    except OSError as error:
        raise StartupError(f"CHATBOT_ACCESS__KEYS_FILE: {path} cannot be written: {error.strerror}") from None


def _replace(path: Path, content: bytes) -> None:
    """Replace a file by a rename; it is readable by its owner only."""
    partial = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        partial.touch(mode=0o600)
        partial.write_bytes(content)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
