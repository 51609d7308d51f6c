"""The load test's own flags for `locust -f`, beside locust's: also shown in its web interface.

They are the flags of `LoadPlan`, as `loadtest run` has them, and a few that only a parent process sets.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from locust import events
from locust.env import Environment

from loadtest.plan import kinds
from loadtest.plan.flags import DeclaredFlag, Flag, WrongUsageError, declared, from_texts
from loadtest.plan.load import LoadPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorOptions(LoadPlan):
    """The load of this run, and which part of it is this process's."""

    run_dir: Annotated[Path | None, Flag("Folder of this very run (all processes).", kinds.path())] = None
    parent_pid: Annotated[int, Flag("Stop when this parent is gone; 0: nobody supervises.", kinds.seed())] = 0
    share: Annotated[
        tuple[int, int], Flag("Which of how many processes, which begin together, this is.", kinds.part_of())
    ] = (0, 1)

    @property
    def number(self) -> int:
        """This process's number, from 0."""
        return self.share[0]

    @property
    def processes(self) -> int:
        """How many processes share the load."""
        return self.share[1]

    def mine(self, level: float) -> int:
        """This process's part of so many users."""
        return (int(level) + self.processes - 1 - self.number) // self.processes


def of(environment: Environment) -> GeneratorOptions:
    """The options out of locust's parsed ones, as they are now (the web interface changes them).

    Raises WrongUsageError.
    """
    parsed = environment.parsed_options
    if parsed is None:
        raise RuntimeError("locust has parsed no options")
    texts = {
        one.field: getattr(parsed, one.flag.at_locust or one.field) for one in declared(GeneratorOptions)
    }
    given = {field: text for field, text in texts.items() if text not in {None, ""}}
    options = from_texts(GeneratorOptions, given)
    if environment.host:
        options = replace(options, target=kinds.read_address(environment.host))
    if "duration" in given:
        return options
    return replace(options, duration=float(parsed.run_time) if parsed.run_time else None)


def _add(parser: Any, **_: object) -> None:
    for one in declared(GeneratorOptions):
        if one.flag.at_locust:
            continue
        # Locust has a duration of its own, --run-time, which ends a run of any shape; ours is of each stage.
        default = "" if one.field == "duration" or one.default is None else one.default
        shown = bool(one.flag.panel) and not one.flag.secret and one.field != "duration"
        plain = isinstance(default, int | float | str)
        parser.add_argument(
            *one.names,
            dest=one.field,
            default=default if plain else one.text,
            type=_checked(one, plain=plain),
            help=one.flag.help.replace("%", "%%"),
            include_in_web_ui=shown,
            **({"env_var": one.flag.env} if one.flag.env else {}),
            choices=(one.flag.kind and one.flag.kind.choices) or None,
        )


def _checked(one: DeclaredFlag, *, plain: bool) -> Callable[[str], Any]:
    """Reads the text of an option for locust, which keeps numbers as numbers and all else as text."""

    def read(text: str) -> Any:
        try:
            value = one.read(text) if text else text
        except WrongUsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value if plain else text

    return read


events.init_command_line_parser.add_listener(_add)  # type: ignore[no-untyped-call]
