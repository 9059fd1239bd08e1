"""Tables and JSON on the terminal: what all views of a result share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..progress import VisibleConsole
from ..visible import visible


def cell(value: Any) -> Text:
    """A value as the text of a cell."""
    if isinstance(value, bool) or value is None:
        return Text({True: "yes", False: "no", None: "-"}[value])
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, (list, tuple)):
        return Text(visible(", ".join(map(str, value))))
    if isinstance(value, Mapping):
        return Text(visible(", ".join(f"{key} {cell(item)}" for key, item in value.items())))
    return Text(visible(str(value)))


def shape(sizes: Sequence[int]) -> str:
    """A tensor's shape: 28x28x1."""
    return "x".join(map(str, sizes)) or "scalar"


def table(title: str | None, *columns: str, numbers: Sequence[int] | range = ()) -> Table:
    """A table without rows; the columns ``numbers`` are right-aligned."""
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", show_edge=False)
    for i, column in enumerate(columns):
        made.add_column(Text(visible(column)), justify="right" if i in numbers else "left", overflow="fold")
    return made


def show(view: RenderableType, console: Console | None) -> None:
    """Prints to the console, by default standard output."""
    if console is None:
        console = VisibleConsole()
        if not console.is_terminal:
            console.width = 240  # a log file or a pipe: do not wrap at rich's default of 80 columns
    console.print(view)


def show_json(value: Any) -> None:
    """Prints one line of JSON."""
    print(json.dumps(value, allow_nan=False))  # ASCII: valid and harmless on every terminal
