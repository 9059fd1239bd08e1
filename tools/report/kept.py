"""What is known about a run beyond its record, kept as JSON for the report: one file per model, runtime and place.

The pipeline writes it after a run or a comparison; `inv report` reads it back long after. A newer one replaces it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from .. import files

DETAILS, COMPARISON = "run", "compare"
VERSION = 1  # of what is in the files; those of another are as good as none


class Place(Protocol):
    """What tells runs apart: a Measurement's and a Comparison's fields."""

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


def path(folder: Path, what: str, place: Place) -> Path:
    """The file; DETAILS or COMPARISON is ``what``."""
    where = place.emulator or "board"
    ran = quote(f"{place.runtime}-{place.target}", safe="")[:100]  # perhaps the device's words, which may be any
    return folder / f"{place.model_sha256[:16]}-{ran}-{where}-{what}.json"


def write(folder: Path, what: str, place: Place, value: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    files.write_sealed(path(folder, what, place), {"version": VERSION, **value})


def read(folder: Path, what: str, place: Place) -> Mapping[str, Any] | None:
    """None where nothing was kept, or what is there is damaged or of another version of kerf."""
    found = files.read_sealed(path(folder, what, place))
    return {key: found[key] for key in found if key != "version"} if found.get("version") == VERSION else None
