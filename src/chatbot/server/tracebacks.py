"""Tracebacks that say where something failed and never what was being said.

An exception's message may quote what was being parsed, encoded or sent: a question, a key, an address with
its password. So only messages that the suite wrote itself are kept, and local variables never show. The
frames, the source lines and the class are there for every exception of a chain or group.
"""

import traceback
from collections.abc import Iterator

_OURS = ("chatbot.", "loadtest.")
_CAUSED = "which was the cause of:"
_DURING = "while this was handled, there followed:"


def told(error: BaseException) -> str:
    """The exception's class, with its message if the suite wrote it, or with what an errno says."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.startswith(_OURS):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.errno is not None and isinstance(error.strerror, str):
        return f"{name}: [Errno {error.errno}] {error.strerror}"
    return f"{name}: (message withheld)" if error.args else name


def formatted(error: BaseException) -> str:
    """The whole chain as text, the first cause on top."""
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        yield from _lines(earlier, seen)
        yield _CAUSED if error.__cause__ is not None else _DURING
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield told(error)
    if isinstance(error, BaseExceptionGroup):
        for number, part in enumerate(error.exceptions, start=1):
            if id(part) not in seen:
                yield f"part {number} of {len(error.exceptions)}:"
                yield from (f"  {line}" for text in _lines(part, seen) for line in text.split("\n"))
