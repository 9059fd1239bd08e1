"""Modules found by file name: models, runtimes, emulators and others are packages of tools/ with one module each.

To add one, add a file. Files that start with _ are helpers of their neighbours.
"""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import UnknownName

ROOT = Path(__file__).resolve().parent


@cache
def names(package: str) -> tuple[str, ...]:
    """Names of the modules in a package of tools/ ("runtimes", "graph.ops"), sorted; imports nothing."""
    folder = ROOT.joinpath(*package.split("."))
    return tuple(sorted(each.name for each in pkgutil.iter_modules([str(folder)]) if not each.name.startswith("_")))


def find(package: str, name: str, what: str) -> Any:
    """The module itself. Raises UnknownName, with ``what`` it should be and the known names, if there is none."""
    if name not in names(package):
        raise UnknownName(what, name, names(package))
    return import_module(f"{__package__}.{package}.{name}")
