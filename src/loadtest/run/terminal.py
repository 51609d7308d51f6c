"""Where words for the person at the terminal go; a reader that leaves must not change how a run ends."""

import os
import sys
from typing import Any

from rich.console import Console

# A log has no width of its own; long lines there beat lines that are cut.
_LOG_WIDTH = 160


class Terminal(Console):
    """A console that goes quiet when nobody reads any more: a closed pipe, a terminal that hung up.

    Rich would end the program with code 1 there, which is the verdict "a goal was missed".
    """

    def __init__(self) -> None:
        super().__init__(width=None if sys.stdout.isatty() else _LOG_WIDTH)

    def print(self, *objects: Any, **how: Any) -> None:
        """Prints, if anybody reads."""
        try:
            super().print(*objects, **how)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Sends everything further to nobody, the interpreter's last flush too."""
        self.quiet = True
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, sys.stdout.fileno())
        os.close(nobody)
