"""Starts the command line of a copy of the checkout."""

import sys
from collections.abc import Sequence
from pathlib import Path


def command_line(checkout: Path, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, str(checkout / "tasks.py"), "--search-root", str(checkout), *arguments]
