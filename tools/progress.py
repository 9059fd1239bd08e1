"""How stages tell the user what they are doing: one small protocol, a terminal form and a silent one.

Everything goes to standard error; standard output belongs to results.
"""

from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Reporter(Protocol):
    """What a stage may call."""

    def step(self, text: str) -> None:
        """A stage begins, or has something to say."""

    def advance(self, text: str, done: int, total: int) -> None:
        """`done` of `total` units of the work called `text`; done == total ends it."""


class Silent:
    """Says nothing."""

    def step(self, text: str) -> None:
        pass

    def advance(self, text: str, done: int, total: int) -> None:
        pass


class Terminal:
    """Steps as lines; bars while the terminal can draw them, otherwise a line at each tenth of the way."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._text = ""
        self._tenth = -1

    def step(self, text: str) -> None:
        self._end()
        self.console.print(text, markup=False)

    def advance(self, text: str, done: int, total: int) -> None:
        if text != self._text:
            self._end()
            self._text, self._tenth = text, -1
        if self.console.is_terminal:
            self._draw(text, done, total)
        elif total and done * 10 // total > self._tenth:
            self._tenth = done * 10 // total
            self.console.print(f"  {text} {done}/{total}", markup=False)
        if done >= total:
            self._end()

    def _draw(self, text: str, done: int, total: int) -> None:
        if self._bar is None:
            columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self.console)
            self._bar.start()
            self._task = self._bar.add_task(text, total=total)
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._task, self._text = None, None, ""
