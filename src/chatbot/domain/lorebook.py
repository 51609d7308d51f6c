"""Lorebooks of character cards: what of a character's world enters a prompt, and when.

An entry that is ``constant`` always enters; every other enters when one of its keys stands in what was said
last. A key that is written ``/…/flags`` is a regular expression, as SillyTavern has it; with ``use_regex``
every key is one, as Character Card V3 has it. What the secondary keys of a selective entry have to do stands
in ``extensions.selectiveLogic``, as SillyTavern has it. Source: Character Card V2 and V3 specifications,
"Lorebook"; SillyTavern's world info. Not done: recursion, decorators (lines that begin with ``@@`` are left
out, as the specification asks), and expressions beyond what ``lore_expressions`` takes, which match nothing
and are reported.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from chatbot.domain.lore_expressions import found, is_written, searchable
from chatbot.domain.lore_words import SaidWords
from chatbot.domain.plaintext import nfc
from chatbot.domain.schemas import TEXT_RULES, JsonObject, Text, sound
from chatbot.domain.token_estimate import estimate_tokens

MOST_ENTRIES = 500
MOST_KEYS = 2000
"""Keys of all entries together: a scan looks for each."""

MOST_EXPRESSIONS = 20
"""Keys of a book that are regular expressions, each of which every question compiles and searches for."""

MOST_ENTERING = 40
"""Entries of one prompt: each has its line in the report, which is a header."""

KEY_CHARS = 100
ENTRY_KEYS = 50
"""Keys of one entry, and as many secondary ones."""

ENTRY_CHARS = 4000
SCAN_DEPTH = 4
"""Messages that are looked at where a book does not say, the question included."""

_SCANNED_CHARS = 20_000
"""The newest characters of them: each scan sorts them."""

LABEL_CHARS = 200
DESCRIPTION_CHARS = 2000

Key = Annotated[str, StringConstraints(min_length=1, max_length=KEY_CHARS), *TEXT_RULES]
SecondaryKey = Annotated[str, StringConstraints(max_length=KEY_CHARS), *TEXT_RULES]
_Unused = Annotated[str, AfterValidator(sound)]
Label = Annotated[str, StringConstraints(max_length=LABEL_CHARS), *TEXT_RULES]
BookText = Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARS), *TEXT_RULES]


class SelectiveLogic(IntEnum):
    """What the secondary keys of a selective entry have to do, by SillyTavern's numbers."""

    AND_ANY = 0
    """One of them is said, too."""

    NOT_ALL = 1
    """One of them at least is not said."""

    NOT_ANY = 2
    """None of them is said."""

    AND_ALL = 3
    """All of them are said, too."""


class LoreEntry(BaseModel):
    """One piece of a character's world."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    keys: tuple[Key, ...] = Field(
        default=(), max_length=ENTRY_KEYS, fail_fast=True, description="One of them has to be said."
    )
    secondary_keys: tuple[SecondaryKey, ...] = Field(
        default=(),
        max_length=ENTRY_KEYS,
        fail_fast=True,
        description="One of these too, where `selective` is true; SillyTavern's `extensions.selectiveLogic` "
        "asks for something else: 1 not all of them, 2 none, 3 all.",
    )
    selective: StrictBool = False
    content: Text = Field(
        default="", max_length=ENTRY_CHARS, description="What enters, up to 4,000 characters."
    )
    enabled: StrictBool = True
    constant: StrictBool = Field(default=False, description="Enters always, in the fixed part of the prompt.")
    case_sensitive: StrictBool = False
    use_regex: StrictBool = Field(
        default=False, description="All keys are regular expressions; else those written `/…/flags`."
    )
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
    extensions: JsonObject = Field(
        default_factory=dict, description="Kept for export; of these only `selectiveLogic` counts here."
    )
    unused_keys: tuple[_Unused, ...] = Field(
        default=(),
        fail_fast=True,
        description="What a card had beyond the bounds of `keys`, kept for export.",
    )
    unused_secondary_keys: tuple[_Unused, ...] = Field(
        default=(), fail_fast=True, description="The same of the others."
    )

    @property
    def expressions(self) -> tuple[str, ...]:
        """The keys that are regular expressions."""
        if self.use_regex:
            return self.keys
        return tuple(filter(is_written, self.keys + self.secondary_keys))

    @property
    def unsupported(self) -> bool:
        """Whether it may enter or stay out wrongly because an expression of it is not searched for."""
        if self.always:
            return False
        unused = self.unused_keys if self.use_regex else self.unused_keys + self.unused_secondary_keys
        return not all(map(searchable, self.expressions)) or any(
            self.use_regex or is_written(key) for key in unused
        )

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
    def logic(self) -> SelectiveLogic:
        """What its secondary keys have to do where it is selective."""
        told = self.extensions.get("selectiveLogic")
        known = not isinstance(told, bool) and isinstance(told, int) and told in tuple(SelectiveLogic)
        return SelectiveLogic(told or 0) if known else SelectiveLogic.AND_ANY

    @property
    def weight(self) -> float:
        """By what it stays where not all fit."""
        return self.insertion_order if self.priority is None else self.priority


class Lorebook(BaseModel):
    """The entries of a character's world."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    entries: tuple[LoreEntry, ...] = Field(default=(), max_length=MOST_ENTRIES, fail_fast=True)
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
    description: BookText = ""
    extensions: JsonObject = Field(default_factory=dict, description="Kept for export.")
    unused_entries: tuple[JsonObject, ...] = Field(
        default=(),
        fail_fast=True,
        description="What a card had beyond the bounds of `entries`, kept for export.",
    )

    @property
    def key_count(self) -> int:
        """All keys."""
        return sum(len(entry.keys) + len(entry.secondary_keys) for entry in self.entries)

    @property
    def expression_count(self) -> int:
        """Keys that are regular expressions."""
        return sum(len(entry.expressions) for entry in self.entries)

    def unsupported(self) -> tuple[int, ...]:
        """The numbers, from 1, of entries with a regular expression that is not searched for here."""
        return tuple(number for number, entry in enumerate(self.entries, 1) if entry.unsupported)


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
    keys = (key for entry in book.entries for key in entry.keys + entry.secondary_keys)
    words = SaidWords(said, max((len(key.casefold()) for key in keys), default=0))
    chosen = [
        (number, entry)
        for number, entry in _present(book)
        if not entry.always and _matches(entry, said, words)
    ]
    if book.token_budget is not None:
        budget = min(budget, book.token_budget - taken)
    return _fitting(chosen, budget, fill)


def _present(book: Lorebook) -> Iterable[tuple[int, LoreEntry]]:
    return ((number, entry) for number, entry in enumerate(book.entries, 1) if entry.enabled and entry.text)


def _matches(entry: LoreEntry, said: str, words: SaidWords) -> bool:
    if entry.use_regex:
        return any(found(key, said) for key in entry.keys)

    def stand(keys: Iterable[str]) -> Iterable[bool]:
        # As in SillyTavern an empty key stands nowhere, and one of white space everywhere.
        return (bool(key) and _stands(key.strip(), entry, said, words) for key in keys)

    if not any(stand(entry.keys)):
        return False
    if not (entry.selective and entry.secondary_keys):
        return True
    others = stand(entry.secondary_keys)
    match entry.logic:
        case SelectiveLogic.AND_ANY:
            return any(others)
        case SelectiveLogic.NOT_ALL:
            return not all(others)
        case SelectiveLogic.NOT_ANY:
            return not any(others)
        case SelectiveLogic.AND_ALL:
            return all(others)


def _stands(key: str, entry: LoreEntry, said: str, words: SaidWords) -> bool:
    """Whether a key stands in what was said."""
    if is_written(key):
        return found(key, said)
    return words.has(key, case_sensitive=entry.case_sensitive)


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
