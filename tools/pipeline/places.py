"""The layout of build/, and locks on its folders."""

from contextlib import AbstractContextManager
from pathlib import Path

from .. import locks
from ..progress import Progress

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
FIRMWARE = ROOT / "firmware"


def records() -> Path:
    """All measurements, one per line."""
    return BUILD / "measurements.jsonl"


def report() -> Path:
    return BUILD / "report.html"


def details() -> Path:
    """Details of runs that the report shows in addition to their records."""
    return BUILD / "details"


def data() -> Path:
    """Decoded images, shared by all models."""
    return BUILD / "data"


def cache() -> Path:
    """Compiled objects, libraries and arena sizes, shared by all projects."""
    return BUILD / ".cache"


def locked(path: Path, progress: Progress, doing: str) -> AbstractContextManager[None]:
    """Locks ``path`` against every other kerf process in this checkout (tools/locks.py)."""
    return locks.locked(BUILD, path, progress, doing)


def clear(progress: Progress) -> None:
    """Removes build/ once no other kerf process is using it."""
    locks.clear(BUILD, progress)
