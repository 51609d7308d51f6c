"""Lorebooks of character cards: what of a character's world enters a prompt, and when.

An entry that is ``constant`` always enters; every other enters when one of its keys stands in what was said
last. Source: Character Card V2 and V3 specifications, "Lorebook". Not done: recursion, decorators (lines that
begin with ``@@`` are left out, as the specification asks), and regular expressions beyond what can be
searched for in linear time, which match nothing and are reported.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)
from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from chatbot.domain.plaintext import nfc
from chatbot.domain.schemas import composed, no_nul
from chatbot.domain.token_estimate import estimate_tokens

MOST_ENTRIES = 500
MOST_KEYS = 2000
"""Keys of all entries together: a scan looks for each."""

MOST_EXPRESSIONS = 20
"""Keys of a book that are regular expressions: the worst one takes 20 ms to compile."""

MOST_ENTERING = 40
"""Entries of one prompt: each has its line in the report, which is a header."""

KEY_CHARS = 100
ENTRY_CHARS = 4000
SCAN_DEPTH = 4
"""Messages that are looked at where a book does not say, the question included."""

_SCANNED_CHARS = 20_000
"""The newest characters of them: keys times characters is the work of a scan."""

_LABEL_CHARS = 200

Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=KEY_CHARS),
    AfterValidator(no_nul),
    BeforeValidator(composed),
]
Label = Annotated[str, StringConstraints(max_length=_LABEL_CHARS), AfterValidator(no_nul)]


class LoreEntry(BaseModel):
    """One piece of a character's world."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    keys: tuple[Key, ...] = Field(default=(), max_length=50, description="One of them has to be said.")
    secondary_keys: tuple[Key, ...] = Field(
        default=(), max_length=50, description="One of these too, where `selective` is true."
    )
    selective: StrictBool = False
    content: Annotated[str, AfterValidator(no_nul), BeforeValidator(composed)] = Field(
        default="", max_length=ENTRY_CHARS, description="What enters, up to 4,000 characters."
    )
    enabled: StrictBool = True
    constant: StrictBool = Field(default=False, description="Enters always, in the fixed part of the prompt.")
    case_sensitive: StrictBool = False
    use_regex: StrictBool = Field(default=False, description="The keys are regular expressions.")
    insertion_order: Annotated[float, Field(ge=-1e9, le=1e9, strict=True)] = Field(
        default=100, description="Lower ones stand first."
    )
    priority: Annotated[float, Field(ge=-1e9, le=1e9, strict=True)] | None = Field(
        default=None, description="The lowest goes first where not all fit; null: insertion_order counts."
    )
    name: Label = ""
    comment: Label = ""
    position: Literal["before_char", "after_char"] | None = Field(
        default=None, description="Kept for export; it changes nothing here."
    )
    extensions: dict[str, Any] = Field(default_factory=dict, description="Kept for export.")

    @property
    def text(self) -> str:
        """What enters a prompt: the content without decorators."""
        lines = self.content.strip().split("\n")
        while lines and lines[0].startswith("@@"):
            del lines[0]
        return "\n".join(lines).strip()

    @property
    def always(self) -> bool:
        """Whether it enters whatever is said."""
        return self.constant and not self.use_regex

    @property
    def weight(self) -> float:
        """By what it stays where not all fit."""
        return self.insertion_order if self.priority is None else self.priority


class Lorebook(BaseModel):
    """The entries of a character's world."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    entries: tuple[LoreEntry, ...] = Field(default=(), max_length=MOST_ENTRIES)
    scan_depth: Annotated[int, Field(ge=0, le=100, strict=True)] | None = Field(
        default=None,
        description="So many of the last messages are looked at, the question included; null: 4.",
    )
    token_budget: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] | None = Field(
        default=None, description="The most tokens, by an estimate, of all that enters; null: what fits."
    )
    recursive_scanning: StrictBool = Field(
        default=False, description="Kept for export; it changes nothing here."
    )
    name: Label = ""
    description: Annotated[str, Field(max_length=2000)] = ""
    extensions: dict[str, Any] = Field(default_factory=dict, description="Kept for export.")

    @property
    def key_count(self) -> int:
        """All keys."""
        return sum(len(entry.keys) + len(entry.secondary_keys) for entry in self.entries)

    @property
    def expression_count(self) -> int:
        """Keys that are regular expressions."""
        return sum(len(entry.keys) for entry in self.entries if entry.use_regex)

    def unsupported(self) -> tuple[int, ...]:
        """The numbers, from 1, of entries with a regular expression that cannot be searched for here."""
        return tuple(
            number
            for number, entry in enumerate(self.entries, 1)
            if entry.use_regex and not all(map(expression, entry.keys))
        )


@dataclass(frozen=True, slots=True)
class Entering:
    """Texts that enter, with their entries' numbers from 1, and the numbers of those that do not fit."""

    entries: tuple[tuple[int, str], ...]
    left_out: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Their texts' tokens, by an estimate."""
        return sum(estimate_tokens(text) for _, text in self.entries)


Fill = Callable[[str], str]
"""Puts names in the place of macros."""


def constant_entries(book: Lorebook, budget: int, fill: Fill = str) -> Entering:
    """Those that always enter, within ``budget`` tokens and the book's own budget."""
    chosen = [(number, entry) for number, entry in _present(book) if entry.always]
    return _fitting(chosen, budget if book.token_budget is None else min(budget, book.token_budget), fill)


def keyed_entries(
    book: Lorebook, messages: Sequence[str], taken: int, budget: int, fill: Fill = str
) -> Entering:
    """Those whose keys stand in the last ``messages``, oldest first; ``taken`` tokens entered already."""
    depth = SCAN_DEPTH if book.scan_depth is None else book.scan_depth
    said = nfc("\n".join(messages[-depth:] if depth else ())[-_SCANNED_CHARS:])
    folded = said.casefold()
    chosen = [
        (number, entry)
        for number, entry in _present(book)
        if not entry.always and _matches(entry, said, folded)
    ]
    if book.token_budget is not None:
        budget = min(budget, book.token_budget - taken)
    return _fitting(chosen, budget, fill)


def _present(book: Lorebook) -> Iterable[tuple[int, LoreEntry]]:
    return ((number, entry) for number, entry in enumerate(book.entries, 1) if entry.enabled and entry.text)


def _matches(entry: LoreEntry, said: str, folded: str) -> bool:
    if entry.use_regex:
        found = (expression(key) for key in entry.keys)
        return any(_found(one, said) for one in found if one is not None)
    if not _any_key(entry.keys, entry, said, folded):
        return False
    return not (entry.selective and entry.secondary_keys) or _any_key(
        entry.secondary_keys, entry, said, folded
    )


def _any_key(keys: Iterable[str], entry: LoreEntry, said: str, folded: str) -> bool:
    stripped = filter(None, (key.strip() for key in keys))
    if entry.case_sensitive:
        return any(key in said for key in stripped)
    return any(key.casefold() in folded for key in stripped)


def _fitting(chosen: Sequence[tuple[int, LoreEntry]], budget: int, fill: Fill) -> Entering:
    """The chosen ones in their order; the least weighty, of equals the last in the book, stay out first."""
    room, texts = budget, dict[int, str]()
    for number, entry in sorted(chosen, key=lambda one: (-one[1].weight, one[0])):
        text = fill(entry.text)
        room -= estimate_tokens(text)
        if room < 0 or len(texts) == MOST_ENTERING:
            break
        texts[number] = text
    ordered = sorted(chosen, key=lambda one: (one[1].insertion_order, one[0]))
    return Entering(
        tuple((number, texts[number]) for number, _ in ordered if number in texts),
        tuple(number for number, _ in chosen if number not in texts),
    )


def _found(searched: SchemaValidator, said: str) -> bool:
    try:
        searched.validate_python(said)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=64)
def expression(key: str) -> SchemaValidator | None:
    """What searches for a regular expression in linear time; None for one that it cannot search for.

    The engine is Rust's ``regex``, which pydantic brings: no look-around, no references back. Counted
    repetitions are refused too, since by them a short expression becomes one of megabytes. ``/…/i``, as front
    ends write them, is taken.
    """
    pattern, flags = key.strip(), ""
    if pattern.startswith("/") and pattern.rfind("/") > 0:
        pattern, _, flags = pattern[1:].rpartition("/")
        pattern = pattern.replace("\\/", "/")
    counted = any(one.isdigit() and pattern[place - 1] == "{" for place, one in enumerate(pattern) if place)
    if counted or not pattern or set(flags) - set("gimsu"):
        return None
    inner = "".join(sorted(set(flags) & set("ims")))
    try:
        return SchemaValidator(
            core_schema.str_schema(
                pattern=f"(?{inner}){pattern}" if inner else pattern, regex_engine="rust-regex"
            )
        )
    except SchemaError:
        return None
