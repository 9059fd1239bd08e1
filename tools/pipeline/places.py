"""Where things lie under build/, and whose turn it is there."""

from contextlib import AbstractContextManager
from pathlib import Path

from .. import locks
from ..progress import Progress

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
FIRMWARE = ROOT / "firmware"


def records() -> Path:
    """One line a measurement."""
    return BUILD / "measurements.jsonl"


def report() -> Path:
    return BUILD / "report.html"


def details() -> Path:
    """What the report shows of runs beyond their records."""
    return BUILD / "details"


def data() -> Path:
    """Decoded images, for all models."""
    return BUILD / "data"


def cache() -> Path:
    """Compiled objects, libraries and arena sizes, for all projects."""
    return BUILD / ".cache"


def locked(place: Path, progress: Progress, doing: str) -> AbstractContextManager[None]:
    """Keeps every other kerf in this checkout away from ``place``, as tools/locks.py has it."""
    return locks.locked(BUILD, place, progress, doing)


def clear(progress: Progress) -> None:
    """Removes build/ once no other kerf is at work in it."""
    locks.clear(BUILD, progress)
