"""Measurement records: one JSON object per line, appended whole, read back with care (docs/records.md)."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import KerfError
from ..values import Clock, Measurement, Timing

_TOO_MUCH = 1 << 64  # no count of bytes, samples or ticks comes near; JSON has integers of any length


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
    if not complete:
        raise ValueError("it has other fields than a measurement")
    if wrong := _wrong_types(measurement):
        raise ValueError(f"not what they should be: {', '.join(wrong)}")
    return measurement


def _wrong_types(m: Measurement) -> list[str]:
    """The fields whose values a report could not print."""
    numbers: dict[str, Any] = {
        "model_bytes": m.model_bytes,
        "setup": m.setup,
        "samples": m.samples,
        "mismatches": m.mismatches,
        **{f"flash_bytes.{name}": value for name, value in m.flash_bytes.items()},
        **{f"ram_bytes.{name}": value for name, value in m.ram_bytes.items()},
        **{f"invoke.{name}": getattr(m.invoke, name) for name in ("min", "median", "p99", "n")},
        **{f"accuracy.{name}": value for name, value in (m.accuracy or {}).items()},
        "tolerance": m.tolerance,
    }
    texts = {
        name: getattr(m, name) for name in ("model", "mode", "model_sha256", "runtime", "target", "kernels", "kerf")
    }
    texts |= {"emulator": m.emulator or "", "commit": m.commit or "", "clock.unit": m.clock.unit}
    for i, op in enumerate(m.per_op or ()):
        texts |= {f"per_op {i} {name}": op[name] for name in ("name", "op")}
        numbers[f"per_op {i} median"] = op["median"]
    if m.clock.hz is not None:
        numbers["clock.hz"] = m.clock.hz or None  # times are divided by it
    return [name for name, value in numbers.items() if not _is_number(value)] + [
        name for name, value in texts.items() if not _is_text(value)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _TOO_MUCH


def _is_text(value: Any) -> bool:
    """Whether it is text that can be written as UTF-8: no half of a surrogate pair."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()


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
