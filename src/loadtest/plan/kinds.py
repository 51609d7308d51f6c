"""How the text of a flag becomes its value: every kind of value that a run takes, with its bounds.

All text of a person goes through here, whether it comes from the command line, from the environment or from
locust's web page, so a number is finite and within its bounds and an address has a host and a port that exist
before anything starts. A ValueError continues the name of the flag: "is a number above 0, not 'nan'".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from loadtest.plan.goals import Goal, parse
from loadtest.plan.stages import ShapeName, parse_seconds

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
MOST = 1_000_000
"""No number of a flag is above it, be it users, seconds or questions a second."""
_ALL_SERVICES = ("", "all", "both", "suite")


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of value is read, written and stored."""

    metavar: str
    """What `--help` shows for the value."""
    read: Callable[[str], Any]
    """Text to value. Raises ValueError, whose sentence continues the flag's name."""
    write: Callable[[Any], str] = str
    """Value to text, such that `read(write(value)) == value`."""
    store: Callable[[Any], Any] = lambda value: value
    """Value to what run.json holds."""
    choices: tuple[str, ...] = ()
    """All texts that there are, where they are few."""


def whole(least: int) -> Kind:
    """Whole numbers from `least` to a million."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text.strip()) or not least <= int(text) <= MOST:
            raise ValueError(f"is a whole number from {least} to {MOST:,}, not {text!r}")
        return int(text)

    return Kind("INTEGER", read)


def seed() -> Kind:
    """Whole numbers of any size."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text.strip()):
            raise ValueError(f"is a whole number of at most 18 digits, not {text!r}")
        return int(text)

    return Kind("INTEGER", read)


def positive() -> Kind:
    """Numbers above 0, up to a million."""
    rule = f"is a number above 0, at most {MOST:,}"
    return Kind("NUMBER", lambda text: _number(text, rule, lambda value: 0 < value <= MOST), _short)


def share() -> Kind:
    """Numbers from 0 to 1."""
    return Kind("SHARE", lambda text: _number(text, "is from 0 to 1", lambda value: 0 <= value <= 1), _short)


def duration() -> Kind:
    """Lengths of time, in seconds: 90, 90s, 5m, 1h30m."""

    def read(text: str) -> float:
        try:
            return parse_seconds(text)
        except ValueError as error:
            raise ValueError(f"is {error}") from error

    return Kind("TIME", read, lambda seconds: f"{_short(seconds)}s")


def shape() -> Kind:
    """Names of shapes."""
    known = get_args(ShapeName)

    def read(text: str) -> ShapeName:
        for name in known:
            if text == name:
                return name  # type: ignore[no-any-return]
        raise ValueError(f"is one of {', '.join(known)}, not {text!r}")

    return Kind("|".join(known), read, choices=known)


def levels() -> Kind:
    """Numbers of users, separated by commas."""
    one = whole(least=1)

    def read(text: str) -> tuple[int, ...]:
        try:
            return tuple(one.read(part) for part in text.split(","))
        except ValueError as error:
            raise ValueError(f"is a list like 1,2,4, not {text!r}: each {error}") from error

    return Kind("N,N,…", read, lambda steps: ",".join(map(str, steps)), list)


def address() -> Kind:
    """Addresses of the web, without a slash at the end."""
    return Kind("ADDRESS", read_address)


def services() -> Kind:
    """Names of services, separated by commas or spaces; none stands for all that the target serves."""

    def read(text: str) -> tuple[str, ...]:
        if text.strip() in _ALL_SERVICES:
            return ()
        names = tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", text.strip()) if name))
        odd = [name for name in names if not _SERVICE.fullmatch(name)]
        if odd or not names:
            raise ValueError(f"names services, as in office,tutor, or all of them with all; not {text!r}")
        return names

    return Kind(
        "NAME,…", read, lambda names: ",".join(names) or "all", lambda names: ", ".join(names) or "all"
    )


def goal() -> Kind:
    """Goals of a run (`loadtest.plan.goals`)."""

    def read(text: str) -> Goal:
        try:
            return parse(text)
        except ValueError as error:
            raise ValueError(f"{text!r} cannot be read: {error}") from error

    return Kind("GOAL", read, str, str)


def note() -> Kind:
    """KEY=VALUE."""

    def read(text: str) -> tuple[str, str]:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise ValueError(f"is KEY=VALUE, not {text!r}")
        return key.strip(), value.strip()

    return Kind("KEY=VALUE", read, "=".join)


def run_id() -> Kind:
    """Names of runs, which are names of folders too; empty: still to be named."""

    def read(text: str) -> str:
        if text and not _RUN_ID.fullmatch(text):
            raise ValueError(f"is up to 64 letters, digits, '.', '_' and '-', not {text!r}")
        return text

    return Kind("NAME", read)


def part_of() -> Kind:
    """Which of how many processes: 0/2 is the first of two."""

    def read(text: str) -> tuple[int, int]:
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
            raise ValueError(f"is a process of several, as in 0/2, not {text!r}")
        return int(number), int(count)

    return Kind("N/N", read, lambda share: f"{share[0]}/{share[1]}")


def path() -> Kind:
    """Folders."""
    return Kind("FOLDER", Path)


def text() -> Kind:
    """Any text."""
    return Kind("TEXT", str)


def read_address(text: str) -> str:
    """An address like http://127.0.0.1:8001, without a slash at the end.

    Raises ValueError where a request to it could not even be begun: another scheme, no host, a host that no
    name service could be asked for, a port that does not exist; and where it holds a password, a query or a
    fragment, which run.json would publish or a path would follow.
    """
    wrong = f"is an address like http://127.0.0.1:8001, not {text!r}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:
        raise ValueError(f"{wrong} ({error})") from error
    if parts.scheme not in {"http", "https"} or not host or port == 0 or re.search(r"[\s\\]", text):
        raise ValueError(wrong)
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError(f"is an address without a user, a query or a fragment, not {text!r}")
    return text.rstrip("/")


def _number(text: str, rule: str, fits: Callable[[float], bool]) -> float:
    """A number that fits; nan fits nothing, since it compares with nothing."""
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{rule}, not {text!r}") from error
    if not fits(value):
        raise ValueError(f"{rule}, not {text!r}")
    return value


def _short(value: float) -> str:
    """A number such that reading it gives the same number, without a needless point."""
    return str(int(value)) if value == int(value) else repr(value)
