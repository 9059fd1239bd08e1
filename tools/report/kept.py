"""Stores what details.py and compare/ computed as JSON files for the page, one per model, runtime and target.

The pipeline writes them after a run or a comparison; `inv report` may read them much later. A newer one replaces them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from .. import files

DETAILS, COMPARISON = "run", "compare"
VERSION = 1  # of the files' contents; files of another version are ignored


class Run(Protocol):
    """What identifies a run: fields that a Measurement and a Comparison have in common."""

    @property
    def model(self) -> str: ...
    @property
    def model_sha256(self) -> str: ...
    @property
    def runtime(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def emulator(self) -> str | None: ...


def path(folder: Path, what: str, run: Run) -> Path:
    """The file; ``what`` is DETAILS or COMPARISON."""
    where = run.emulator or "board"
    ran = quote(f"{run.runtime}-{run.target}", safe="")[:100]  # the device may have sent these, so escape them
    return folder / f"{run.model_sha256[:16]}-{ran}-{where}-{what}.json"


def write(folder: Path, what: str, run: Run, value: Mapping[str, Any]) -> None:
    """Writes the file atomically."""
    files.write_sealed(path(folder, what, run), {"version": VERSION, **value})


def read(folder: Path, what: str, run: Run) -> Mapping[str, Any] | None:
    """What was stored; None if there is nothing, or it is damaged or of another version."""
    found = files.read_sealed(path(folder, what, run))
    return {key: found[key] for key in found if key != "version"} if found.get("version") == VERSION else None
