"""Flags, declared once: a field of a dataclass carries its flag, and everything else is derived from it.

    users: Annotated[int, Flag("Simulated users.", whole(least=1), panel="Load")] = 20

is a value of a run, an option of `loadtest run` with its help and bounds (`loadtest.cli`), an option of
`locust -f` and of its web page (`loadtest.generator.options`), a part of each generator's command line and
an entry of run.json.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_type_hints

from loadtest.plan.kinds import Kind

T = TypeVar("T")


class WrongUsageError(ValueError):
    """What was asked for makes no sense; the message is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Flag:
    """How a field is asked for. Its option is the field's name with hyphens unless `names` says otherwise."""

    help: str
    """One sentence for `--help`."""
    kind: Kind | None
    """How its text is read; None for a switch, which is on or off."""
    panel: str = ""
    """The heading of `loadtest run --help` that it stands under; "": it is none of that command's."""
    names: tuple[str, ...] = ()
    """The option's names, where they are not the field's; the last is the one that locust knows."""
    env: str = ""
    """The environment variable that gives it too."""
    many: bool = False
    """It may be given again and again; the field is a tuple."""
    secret: bool = False
    """Its value is handed on in the environment only and written nowhere."""
    at_locust: str = ""
    """Locust's own option for the same, by its attribute: there the flag is not added again."""


@dataclass(frozen=True, slots=True)
class DeclaredFlag:
    """A flag together with its field."""

    field: str
    """The field's name."""
    default: Any
    """The field's default, a value and not a text."""
    flag: Flag

    @property
    def names(self) -> tuple[str, ...]:
        """The option's names, with hyphens in front."""
        return self.flag.names or (f"--{self.field.replace('_', '-')}",)

    @property
    def text(self) -> str:
        """The default as a person would type it."""
        return self.write(self.default)

    def write(self, value: Any) -> str:
        """The value as a person would type it."""
        return self.flag.kind.write(value) if self.flag.kind else str(value)

    def read(self, text: str) -> Any:
        """The value of a text. Raises WrongUsageError with a sentence that names the flag."""
        if self.flag.kind is None:
            return text
        try:
            return self.flag.kind.read(text)
        except ValueError as error:
            raise WrongUsageError(f"{self.names[0]} {error}") from error

    def store(self, value: Any) -> Any:
        """The value as run.json holds it."""
        kind = self.flag.kind
        if kind is None:
            return value
        return [kind.store(each) for each in value] if self.flag.many else kind.store(value)


def declared(of: type) -> tuple[DeclaredFlag, ...]:
    """The flags of a dataclass, in the order of its fields."""
    return tuple(_found(of))


def _found(of: type) -> Iterator[DeclaredFlag]:
    hints = get_type_hints(of, include_extras=True)
    for field in fields(of):
        for mark in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(mark, Flag):
                yield DeclaredFlag(field.name, field.default, mark)


def from_texts(of: type[T], texts: Mapping[str, Any]) -> T:
    """Makes a dataclass of flags from texts by field: a text, a list of texts where a flag may be repeated,
    a boolean for a switch. What is not there keeps its default.

    Raises WrongUsageError.
    """
    values: dict[str, Any] = {}
    for one in declared(of):
        text = texts.get(one.field)
        if text is None:
            continue
        if one.flag.kind is None:
            values[one.field] = text
        elif one.flag.many:
            values[one.field] = tuple(one.read(each) for each in text)
        else:
            values[one.field] = one.read(str(text))
    return of(**values)
