"""The kinds of values in a record: how each is written as JSON, and how a value read from JSON is checked.

A kind is one of the constants below, a dict (an object with these fields), a list with one element (a list of any
length, of that kind), or one of these wrapped in OrNull, Optional or Made.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TOO_MUCH = 1 << 64  # no count of bytes, samples or ticks comes near, but JSON integers are unbounded


@dataclass(frozen=True)
class Value:
    """A scalar: its description for error messages, and the check for a value read from a file."""

    what: str
    is_valid: Callable[[Any], bool]


@dataclass(frozen=True)
class OrNull:
    """A value that is null where it does not apply."""

    of: Any


@dataclass(frozen=True)
class Made:
    """An object with these fields that is read into one of kerf's own classes."""

    make: Callable[..., Any]
    fields: dict[str, Any]


@dataclass(frozen=True)
class Optional:
    """A field that is absent where it does not apply."""

    of: Any


def _is_text(value: Any) -> bool:
    """Whether it is text that UTF-8 can encode, without lone surrogates."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _TOO_MUCH  # a bool is an int, NaN is neither above nor below


TEXT = Value("text", _is_text)
SHA256 = Value("64 hex digits", lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value)))
COUNT = Value("a whole number of at least 0", lambda value: type(value) is int and _is_number(value))
RATE = Value("a whole number of at least 1", lambda value: type(value) is int and _is_number(value) and value > 0)
AMOUNT = Value("a number of at least 0", _is_number)
SHARE = Value("a number from 0 to 1", lambda value: _is_number(value) and value <= 1)


def written(kind: Any, value: Any) -> Any:
    """``value`` as JSON-ready data, reduced to what ``kind`` describes."""
    if isinstance(kind, (OrNull, Optional)):
        return None if value is None else written(kind.of, value)
    if isinstance(kind, Made):
        return written(kind.fields, vars(value))
    if isinstance(kind, dict):
        return {key: written(kind[key], value[key]) for key in kind}
    return [written(kind[0], item) for item in value] if isinstance(kind, list) else value


def taken(kind: Any, value: Any, name: str) -> Any:
    """The reverse of `written`: a value of this kind from JSON data, without fields that ``kind`` does not describe.

    ``name`` is its path in the record, "" for the record itself. Raises ValueError with the path of what is wrong.
    """
    if isinstance(kind, OrNull):
        return None if value is None else taken(kind.of, value, name)
    if isinstance(kind, Optional):
        return taken(kind.of, value, name)
    if isinstance(kind, Made):
        return kind.make(**taken(kind.fields, value, name))
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{name or 'it'} is {_said(value)}, not an object")
        inner = {key: f"{name}.{key}" if name else key for key in kind}
        for key in kind:
            if key not in value and not isinstance(kind[key], Optional):
                raise ValueError(f"{inner[key]} is missing")
        return {key: taken(kind[key], value[key], inner[key]) for key in kind if key in value}
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise ValueError(f"{name} is {_said(value)}, not a list")
        return tuple(taken(kind[0], item, f"{name}[{i}]") for i, item in enumerate(value))
    if not kind.is_valid(value):
        raise ValueError(f"{name} is {_said(value)}, not {kind.what}")
    return value


def _said(value: Any) -> str:
    """A value for an error message: short, however long or deeply nested it is."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value) if not isinstance(value, int) or abs(value) < _TOO_MUCH else "a number beyond 2^64"
    return text if len(text) <= 60 else f"{text[:60]}…"
