"""The progress of long work: bars on a terminal, plain lines in a log, nothing in a test.

A stage is given a Progress and never prints. Everything goes to stderr, so that results on stdout can be piped.
"""

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.text import Text

from .visible import visible

Step = Callable[[int, str], None]
"""``step(done, note)``: how many of a bar's ``total`` are done, and a few words (or none) to show next to it."""


class VisibleConsole(Console):
    """Every table, bar and sentence goes through this console, so that quoted text cannot control the terminal.

    Markup and emoji codes in text are not interpreted.
    """

    def __init__(self, file: TextIO | None = None, *, soft_wrap: bool = False) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Rich's segments, with text escaped; Rich marks its own control sequences as such."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text, keep="\n"), style, control)


class Progress:
    """The interface, and its silent implementation. It lives as long as one command."""

    def say(self, text: str) -> None:
        """One line about what is happening."""

    def warn(self, text: str) -> None:
        """One sentence that the user should act on."""

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Step]:
        """A bar for ``total`` equal steps, as long as the context lasts."""
        yield lambda done, note: None

    @cached_property
    def _known(self) -> set[Hashable]:
        return set()

    def is_news(self, what: Hashable) -> bool:
        """Whether this is new in this command; a result that several stages use is reported once."""
        is_first = what not in self._known
        self._known.add(what)
        return is_first


class TerminalProgress(Progress):
    """Bars where ``file`` (default: stderr) is a terminal; elsewhere one line per quarter of the work."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._console = VisibleConsole(file or sys.stderr, soft_wrap=True)

    def say(self, text: str) -> None:
        self._console.print(Text(visible(text)))

    def warn(self, text: str) -> None:
        if self.is_news(text):
            self._console.print(Text.assemble(("warning: ", "bold yellow"), visible(text)))

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Step]:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}", markup=False),
            )
            with Bars(*columns, console=self._console) as bars:
                task = bars.add_task(visible(title), total=total, note="")
                yield lambda done, note: bars.update(task, completed=done, note=visible(note))
            return
        printed = 0

        def step(done: int, note: str) -> None:
            nonlocal printed
            quarter = 4 * done // total
            if quarter > printed:
                printed = quarter
                self.say(f"{title}: {done}/{total}{' ' + note if note else ''}")

        yield step
