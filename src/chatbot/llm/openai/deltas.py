"""One event of an upstream's stream: every field is checked before it is believed.

The library parses JSON and validates nothing, and many servers speak this protocol in their own way.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeGuard

from chatbot.domain.messages import FinishReason, Usage

MAX_TOKENS = 10_000_000
"""Counts above this are no counts: no model has such a context."""

_REASONS = {"length": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}
"""What is told apart; every other reason (stop, tool_calls, eos, …) is an answer that ended by itself."""

_BROKEN_OFF = frozenset({"error", "abort", "aborted", "cancelled", "insufficient_system_resource"})
"""What OpenRouter, vLLM, SGLang and DeepSeek call an answer that upstream did not complete."""

NOT_THE_PROTOCOL = (AttributeError, TypeError, LookupError, ValueError, RecursionError)
"""What reading an answer that is not as the protocol says may raise, the library's own reading included."""

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE_OR_NUL = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Delta:
    """One event of a stream; each field is absent in most of them."""

    text: str = ""
    """A piece of the answer as it came: it may end in half a character, see WholeCharacters."""
    finish: FinishReason | None = None
    """How upstream ended the answer."""
    usage: Usage | None = None
    """Tokens as upstream counted them."""


def read_delta(chunk: Any) -> Delta:
    """Read one chunk of the library's.

    Raises:
        One of NOT_THE_PROTOCOL: it is not what the protocol says.
    """
    usage = _usage(chunk.usage)
    if not chunk.choices:
        return Delta(usage=usage)
    choice = chunk.choices[0]
    said = choice.delta.content or getattr(choice.delta, "refusal", None) or ""
    if not isinstance(said, str):
        raise TypeError("content is no text")
    return Delta(said, _finish(choice.finish_reason), usage)


def _finish(reason: object) -> FinishReason | None:
    if not isinstance(reason, str) or not reason:
        return None
    if reason in _BROKEN_OFF:
        raise ValueError("upstream broke the answer off")
    return _REASONS.get(reason, FinishReason.STOP)


def _usage(usage: Any) -> Usage | None:
    """The counts, or None where a server words them differently or names impossible ones."""
    prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None)
    if not _is_count(prompt) or not _is_count(completion):
        return None
    return Usage(prompt, cached if _is_count(cached) and cached <= prompt else 0, completion)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_TOKENS


class WholeCharacters:
    """Makes well-formed text of pieces that a server may cut inside a character.

    JSON writes a character outside the Basic Multilingual Plane as two halves (RFC 8259 §7), and each may
    come in a piece of its own. A half that stays alone becomes U+FFFD; NUL, which no store can carry, goes.
    """

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """The whole characters so far; half a character at the end waits for the next piece."""
        text = self._half + piece
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return _well_formed(text.removesuffix(self._half))

    def flush(self) -> str:
        """What stands for a half that never got its other one."""
        rest, self._half = self._half, ""
        return _well_formed(rest)


def _well_formed(text: str) -> str:
    joined = _PAIR.sub(lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text)
    return _LONE_OR_NUL.sub(lambda one: "" if one[0] == "\x00" else "\ufffd", joined)
