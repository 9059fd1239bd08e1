"""Where things lie under build/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


def records() -> Path:
    """One line a measurement."""
    return BUILD / "measurements.jsonl"


def report() -> Path:
    return BUILD / "report.html"


def details() -> Path:
    """What the report shows of runs beyond their records."""
    return BUILD / "details"


def cache() -> Path:
    """Compiled objects, libraries and arena sizes, for all projects."""
    return BUILD / ".cache"
