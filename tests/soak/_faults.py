"""The kinds of faults, found by file name."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Protocol

from tools.errors import UnknownName

HERE = Path(__file__).parent
Attack = Callable[[int, Path], int]


class Fault(Protocol):
    """The interface of a module in this folder; see the package's docstring."""

    TITLE: str
    SHORT: int
    CASE_SECONDS: float
    MEMORY_BYTES: int

    def attacks(self, folder: Path) -> AbstractContextManager[Attack]: ...


def names() -> list[str]:
    """All kinds of faults, sorted."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.name.startswith(("_", "test_")))


def find(name: str) -> Fault:
    """A kind of fault by its name; UnknownName if there is none."""
    if name not in names():
        raise UnknownName("fault", name, names())
    return load(name)


def load(name: str) -> Fault:
    """The module itself."""
    return import_module(f"{__package__}.{name}")  # type: ignore[return-value]


def missing(fault: Fault) -> str:
    """Why attacks of this kind cannot run here; "" if they can."""
    return str(getattr(fault, "NEEDS", ""))


def part(fault: Fault, seed: int) -> str:
    """The row of the table that an attack belongs to."""
    row: Callable[[int], str] = getattr(fault, "part", lambda _: "")
    return row(seed)
