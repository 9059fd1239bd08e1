"""Measurement records: one JSON object per line, appended whole, read back with care (docs/records.md)."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import KerfError
from .values import Clock, Measurement, Timing


def to_json(measurement: Measurement) -> dict[str, Any]:
    """The record's fields in their fixed order; ``extra`` is not part of it."""
    per_op = measurement.per_op
    return {
        "model": measurement.model,
        "mode": measurement.mode,
        "model_sha256": measurement.model_sha256,
        "model_bytes": measurement.model_bytes,
        "runtime": measurement.runtime,
        "target": measurement.target,
        "emulator": measurement.emulator,
        "kernels": measurement.kernels,
        "flash_bytes": {name: measurement.flash_bytes[name] for name in ("total", "code", "model")},
        "ram_bytes": {name: measurement.ram_bytes[name] for name in ("total", "static", "arena", "stack")},
        "clock": {"unit": measurement.clock.unit, "hz": measurement.clock.hz},
        "invoke": {name: getattr(measurement.invoke, name) for name in ("min", "median", "p99", "n")},
        "setup": measurement.setup,
        "per_op": None if per_op is None else [{key: op[key] for key in ("name", "op", "median")} for op in per_op],
        "samples": measurement.samples,
        "mismatches": measurement.mismatches,
        "tolerance": measurement.tolerance,
        "accuracy": None
        if measurement.accuracy is None
        else {side: measurement.accuracy[side] for side in ("device", "host")},
        "kerf": measurement.kerf,
        "commit": measurement.commit,
    }


def from_json(record: Mapping[str, Any]) -> Measurement:
    """The measurement a record describes. Raises ValueError when a field is missing or not what it should be."""
    try:
        measurement = Measurement(
            **{
                **record,
                "clock": Clock(**record["clock"]),
                "invoke": Timing(**record["invoke"]),
                "per_op": None if record["per_op"] is None else tuple(record["per_op"]),
            }
        )
        complete = to_json(measurement) == dict(record)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if not complete or not isinstance(measurement.samples, int):
        raise ValueError("it has other fields than a measurement")
    return measurement


def append(measurement: Measurement, path: Path) -> None:
    """Adds one line in one write, so that two kerfs at once cannot mix theirs. An unfinished last line is ended."""
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


def load(path: Path, warn: Callable[[str], None]) -> list[Measurement]:
    """All records of a file, oldest first; [] when there is none. A line that is none is skipped with a warning."""
    if not path.is_file():
        return []
    measurements = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("it is no JSON object")
            measurements.append(from_json(record))
        except ValueError as error:  # also UnicodeDecodeError and JSONDecodeError
            warn(f"{path} line {number} is not a measurement and is left out ({error})")
    return measurements
