"""Compiles a form once, to see whether it can be: ``python -m chatbot.llm.llama.form_trial``.

Schemas of two lines exist that llguidance compiles for hours and cannot be stopped at. So a form that nobody
has tried is compiled by this program first, which ends itself when it takes too long or too much.

It reads ``[kind, text]`` and writes ``{"grammar": …}``, or ``{"reason": …}`` where it is no form, as JSON.
"""

import json
import os
import re
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark

from chatbot.domain.bounded_schema import bounded
from chatbot.domain.forms import FormKind
from chatbot.domain.plaintext import one_line

_SECONDS = 0.5
"""Of a processor, after which the program is ended."""

_MOST_MEMORY = 2**29
"""Bytes of its addresses."""

_REASON_CHARS = 300

_GBNF_RULE = re.compile(r"^\s*[a-zA-Z0-9_-]+\s*::=", re.MULTILINE)

_GBNF_PARTS = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|[a-zA-Z0-9_-]+', re.DOTALL)
"""Texts, classes of characters, comments and names."""

_LIMITS = {
    "max_items_in_row": 2000,
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 10_000,
    "max_lexer_states": 5_000,
    "max_grammar_size": 100_000,
}
"""What a form may take, in llguidance's units: about 20 ms to begin with, 20 ms a token, 2 KiB a state."""

_JSON_OPTIONS: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON on one line: where white space is free, a small model may write nothing else."""


def grammar_of(kind: FormKind, text: str) -> str:
    """The form in llguidance's own words.

    Raises:
        Exception: it is no form; whatever its readers raise.
    """
    match kind:
        case FormKind.JSON_OBJECT:
            return LLMatcher.grammar_from_json_schema({"type": "object"}, overrides=_JSON_OPTIONS)
        case FormKind.JSON_SCHEMA:
            return LLMatcher.grammar_from_json_schema(bounded(json.loads(text)), overrides=_JSON_OPTIONS)
        case FormKind.REGEX:
            return LLMatcher.grammar_from_regex(text)
        case FormKind.GRAMMAR:
            return LLMatcher.grammar_from_lark(_lark_of(text))
        case FormKind.CALL:
            return LLMatcher.grammar_from_lark(text)


def _lark_of(text: str) -> str:
    """A grammar in Lark's words; one with a rule like ``name ::=`` is GBNF, whatever its rules are called.

    Where a GBNF begins is called start in Lark, so that a rule of that name needs another one.
    """
    if not _GBNF_RULE.search(text):
        return text
    other = "start-"
    while other in text:
        other += "x"
    return gbnf_to_lark(_GBNF_PARTS.sub(lambda found: other if found[0] == "start" else found[0], text))


NOTHING_BEGINS = "no text begins as it asks for"
"""Why a form that can be compiled cannot be used."""


def compiled(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    """What tells the tokens that may come next; in an error where it cannot be."""
    limits = LLParserLimits(verbose_errors=False, precompute_large_lexemes=False, **_LIMITS)
    return LLMatcher(tokenizer, grammar, log_level=0, limits=limits)


def reason_of(matcher: LLMatcher) -> str:
    """Why it cannot be, for whoever sent the form."""
    error = matcher.get_error()
    if error.startswith("panic:"):
        # Of no use to them: where in the library it stopped.
        return "it cannot be compiled"
    if error.startswith("NoExtension"):
        # How the library says that it has stopped, of a schema that is nothing but a reference to itself.
        return NOTHING_BEGINS
    return one_line(error.replace("<non-verbose/>", "").strip(), _REASON_CHARS)


def tried(kind: FormKind, text: str) -> dict[str, str]:
    """The grammar, compiled and asked for a first token; or the reason why not."""
    try:
        grammar = grammar_of(kind, text)
    except Exception as error:  # noqa: BLE001 (the readers raise Exception, and what Python raises)
        return {"reason": one_line(f"{error}", _REASON_CHARS) or type(error).__name__}
    matcher = compiled(LLTokenizer("byte"), grammar)
    if not matcher.is_error():
        matcher.compute_bitmask()
    return {"reason": reason_of(matcher)} if matcher.is_error() else {"grammar": grammar}


def main() -> None:
    """Try the form of the standard input."""
    # Mild, or on a busy machine the time of a processor that ends it would never come together.
    os.nice(10)
    # Where a container's memory ends, this program is to be ended and not the engine.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    kind, text = json.loads(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(tried(FormKind(kind), text)))


if __name__ == "__main__":
    main()
