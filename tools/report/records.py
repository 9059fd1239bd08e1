"""Measurement records: one JSON object per line, appended whole, read back with care (docs/records.md)."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import KerfError
from ..values import Clock, Measurement, SecondOpinion, Timing

_TOO_MUCH = 1 << 64  # no count of bytes, samples or ticks comes near; JSON has integers of any length


def to_json(measurement: Measurement) -> dict[str, Any]:
    """The record's fields in their fixed order, without optional ones that do not apply and without ``extra``."""
    values = {name: getattr(measurement, name) for name in _RECORD}
    return {
        name: _written(kind, values[name])
        for name, kind in _RECORD.items()
        if not (isinstance(kind, _Optional) and values[name] is None)
    }


def from_json(record: Any) -> Measurement:
    """The measurement that a record describes.

    Raises ValueError, saying which and why, when a field is missing or is not what docs/records.md says. Fields that
    are not named there are passed over: another version of kerf may write them.
    """
    measurement = Measurement(**_taken(_RECORD, record, ""))
    if measurement.mismatches > measurement.samples:
        raise ValueError(f"mismatches is {measurement.mismatches}, more than the {measurement.samples} samples")
    if not measurement.invoke.min <= measurement.invoke.median <= measurement.invoke.p99:
        raise ValueError("invoke.min, invoke.median and invoke.p99 are not in order")
    return measurement


@dataclass(frozen=True)
class _Value:
    """One value of a record: what it is, for people, and whether a value read from a file is that."""

    what: str
    is_valid: Callable[[Any], bool]


@dataclass(frozen=True)
class _OrNull:
    """A value that is null where it does not apply."""

    of: Any


@dataclass(frozen=True)
class _Made:
    """An object that becomes a value of kerf's own."""

    make: Callable[..., Any]
    fields: dict[str, Any]


@dataclass(frozen=True)
class _Optional:
    """A field that is absent where it does not apply."""

    of: Any


def _is_text(value: Any) -> bool:
    """Whether it is text that can be written as UTF-8: no half of a surrogate pair."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _TOO_MUCH  # a bool is an int, NaN is neither above nor below


_TEXT = _Value("text", _is_text)
_SHA256 = _Value("64 hex digits", lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value)))
_COUNT = _Value("a whole number from 0 on", lambda value: type(value) is int and _is_number(value))
_RATE = _Value("a whole number from 1 on", lambda value: type(value) is int and _is_number(value) and value > 0)
_AMOUNT = _Value("a number from 0 on", _is_number)
_SHARE = _Value("a number from 0 to 1", lambda value: _is_number(value) and value <= 1)

# Every field, in the order of the record. A dict is an object with these fields, a list one of any length of the
# element in it.
_RECORD: dict[str, Any] = {
    "model": _TEXT,
    "mode": _TEXT,
    "model_sha256": _SHA256,
    "model_bytes": _COUNT,
    "runtime": _TEXT,
    "target": _TEXT,
    "emulator": _OrNull(_TEXT),
    "kernels": _TEXT,
    "flash_bytes": _OrNull(dict.fromkeys(("total", "code", "model"), _COUNT)),
    "ram_bytes": _OrNull(dict.fromkeys(("total", "static", "arena", "stack"), _COUNT)),
    "clock": _Made(Clock, {"unit": _TEXT, "hz": _OrNull(_RATE)}),  # times are divided by hz
    "invoke": _Made(Timing, dict.fromkeys(("min", "median", "p99", "n"), _COUNT)),
    "setup": _COUNT,
    "per_op": _OrNull([{"name": _TEXT, "op": _TEXT, "median": _COUNT}]),
    "samples": _COUNT,
    "mismatches": _COUNT,
    "tolerance": _AMOUNT,
    "accuracy": _OrNull(dict.fromkeys(("device", "host"), _SHARE)),
    "kerf": _TEXT,
    "commit": _OrNull(_TEXT),
    "optimize": _Optional(_TEXT),
    "data_sha256": _Optional(_SHA256),
    "sequence_length": _Optional(_COUNT),
    "second_opinion": _Optional(_Made(SecondOpinion, {"reference": _TEXT, "max_steps": _AMOUNT, "layer": _TEXT})),
    "device": _Optional(dict.fromkeys(("target", "core", "build"), _TEXT)),
}


def _written(kind: Any, value: Any) -> Any:
    """What ``kind`` describes of a value, as JSON has it."""
    if isinstance(kind, (_OrNull, _Optional)):
        return None if value is None else _written(kind.of, value)
    if isinstance(kind, _Made):
        return _written(kind.fields, vars(value))
    if isinstance(kind, dict):
        return {key: _written(kind[key], value[key]) for key in kind}
    return [_written(kind[0], item) for item in value] if isinstance(kind, list) else value


def _taken(kind: Any, value: Any, name: str) -> Any:
    """What ``kind`` describes of a value, without what it does not; ValueError with ``name`` for what it is not."""
    if isinstance(kind, _OrNull):
        return None if value is None else _taken(kind.of, value, name)
    if isinstance(kind, _Optional):
        return _taken(kind.of, value, name)
    if isinstance(kind, _Made):
        return kind.make(**_taken(kind.fields, value, name))
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{name or 'it'} is {_said(value)}, not an object")
        inner = {key: f"{name}.{key}" if name else key for key in kind}
        for key in kind:
            if key not in value and not isinstance(kind[key], _Optional):
                raise ValueError(f"{inner[key]} is missing")
        return {key: _taken(kind[key], value[key], inner[key]) for key in kind if key in value}
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise ValueError(f"{name} is {_said(value)}, not a list")
        return tuple(_taken(kind[0], item, f"{name}[{i}]") for i, item in enumerate(value))
    if not kind.is_valid(value):
        raise ValueError(f"{name} is {_said(value)}, not {kind.what}")
    return value


def _said(value: Any) -> str:
    """A value as a sentence shows it: short, however long or deep it is."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value) if not isinstance(value, int) or abs(value) < _TOO_MUCH else "a number beyond 2^64"
    return text if len(text) <= 60 else f"{text[:60]}…"


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
            measurements.append(from_json(json.loads(line)))
        except (ValueError, RecursionError) as error:  # also UnicodeDecodeError and JSONDecodeError
            why = "it is nested too deeply" if isinstance(error, RecursionError) else error
            warn(f"{path} line {number} is not a measurement and is left out ({why})")
    return measurements
