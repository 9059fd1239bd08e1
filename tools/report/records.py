"""Reads and writes records: one JSON object per line, appended whole and checked on reading (docs/records.md)."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import quantities
from ..errors import KerfError
from ..kinds import AMOUNT, COUNT, RATE, SHA256, SHARE, TEXT, Made, Optional, OrNull, taken, written
from ..values import Clock, Measurement, SecondOpinion, Timing


def to_json(measurement: Measurement) -> dict[str, Any]:
    """The record's fields in their fixed order, without ``extra`` and without optional fields that do not apply."""
    values = {name: getattr(measurement, name) for name in _RECORD} | dict(measurement.quantities)
    return {
        name: written(kind, values[name])
        for name, kind in (_RECORD | quantities.kinds()).items()
        if not (isinstance(kind, Optional) and values.get(name) is None)
    }


def from_json(record: Any) -> Measurement:
    """The measurement in a record.

    Raises ValueError with the field and the reason if a field is missing or violates docs/records.md. Unknown fields
    are ignored, because another version of kerf may have written them.
    """
    measurement = Measurement(**taken(_RECORD, record, ""), quantities=taken(quantities.kinds(), record, ""))
    if measurement.mismatches > measurement.samples:
        raise ValueError(f"mismatches is {measurement.mismatches}, more than the {measurement.samples} samples")
    if not measurement.invoke.min <= measurement.invoke.median <= measurement.invoke.p99:
        raise ValueError("invoke.min, invoke.median and invoke.p99 are not in order")
    return measurement


# Every field but the quantities, in the order of the record.
_RECORD: dict[str, Any] = {
    "model": TEXT,
    "mode": TEXT,
    "model_sha256": SHA256,
    "model_bytes": COUNT,
    "runtime": TEXT,
    "target": TEXT,
    "emulator": OrNull(TEXT),
    "kernels": TEXT,
    "flash_bytes": OrNull(dict.fromkeys(("total", "code", "model"), COUNT)),
    "ram_bytes": OrNull(dict.fromkeys(("total", "static", "arena", "stack"), COUNT)),
    "clock": Made(Clock, {"unit": TEXT, "hz": OrNull(RATE)}),  # times are divided by hz
    "invoke": Made(Timing, dict.fromkeys(("min", "median", "p99", "n"), COUNT)),
    "setup": COUNT,
    "per_op": OrNull([{"name": TEXT, "op": TEXT, "median": COUNT}]),
    "samples": COUNT,
    "mismatches": COUNT,
    "tolerance": AMOUNT,
    "accuracy": OrNull(dict.fromkeys(("device", "host"), SHARE)),
    "kerf": TEXT,
    "commit": OrNull(TEXT),
    "optimize": Optional(TEXT),
    "data_sha256": Optional(SHA256),
    "second_opinion": Optional(Made(SecondOpinion, {"reference": TEXT, "max_steps": AMOUNT, "layer": TEXT})),
    "device": Optional(dict.fromkeys(("target", "core", "build"), TEXT)),
}


def append(measurement: Measurement, path: Path) -> None:
    """Appends a line in a single write, so that two kerfs at once cannot mix theirs. First ends an unfinished line."""
    line = json.dumps(to_json(measurement), ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            if os.read(descriptor, 1) != b"\n":
                line = "\n" + line
        data = line.encode()
        if os.write(descriptor, data) != len(data):
            raise KerfError(f"could not write a whole record to {path}: is the disk full?")
    finally:
        os.close(descriptor)


def check(path: Path) -> None:
    """Raises KerfError, before anything is measured, if something other than a file is where records are kept."""
    if path.exists() and not path.is_file():
        raise KerfError(f"{path} is not a file, so nothing can be recorded there; move it away")


def load(path: Path, warn: Callable[[str], None]) -> list[Measurement]:
    """All records of a file, oldest first; [] if there is no file. Invalid lines are skipped with a warning."""
    check(path)
    if not path.exists():
        return []
    measurements = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            measurements.append(from_json(json.loads(line)))
        except (ValueError, RecursionError) as error:  # also UnicodeDecodeError and JSONDecodeError
            why = "it is nested too deeply" if isinstance(error, RecursionError) else error
            warn(f"skipped {path} line {number}, which is not a measurement: {why}")
    return measurements
