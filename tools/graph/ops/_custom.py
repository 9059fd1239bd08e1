"""The options of custom operators, which are in a flexbuffer: names and numbers."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from ...errors import ModelError
from ..ir import Op
from ._quantized import FLOAT32_MAX

DAMAGE = (
    *(ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, NotImplementedError, AssertionError),
    struct.error,
)


@dataclass(frozen=True)
class Options:
    """The numbers among an operator's options, by their names in the file, and the names of the other options."""

    numbers: tuple[tuple[str, int | float], ...]
    others: tuple[str, ...]

    def number(self, op: Op, name: str, low: int = 0, high: int = (1 << 31) - 1, default: int | None = None) -> int:
        """An integer or flag; ``default`` if it is missing. Raises ModelError if it is not ``low`` … ``high``, or a
        number with a decimal point."""
        value = dict(self.numbers).get(name, default if name not in self.others else None)
        if not isinstance(value, int) or not low <= value <= high:
            stated = self._stated(name, value)
            raise ModelError(f"{op.where}: its option {name} is {stated}, not {low} … {high}; convert the model again")
        return value

    def _stated(self, name: str, value: float | None) -> str:
        if value is None:
            return "text or a list" if name in self.others else "missing"
        return str(value)

    def real(self, op: Op, name: str) -> float:
        """A number of float32. Raises ModelError if it is missing or not finite."""
        value = dict(self.numbers).get(name)
        if value is None or not abs(value) <= FLOAT32_MAX:
            stated = self._stated(name, value)
            raise ModelError(f"{op.where}: its option {name} is {stated}, not a finite number; convert the model again")
        return float(np.float32(value))

    def positive(self, op: Op, name: str, high: float = FLOAT32_MAX) -> float:
        """A number of float32 above 0. Raises ModelError if it is not, or above ``high``."""
        value = self.real(op, name)
        if not 0 < value <= high:
            limit = f"between 0 and {high:g}" if high < FLOAT32_MAX else "above 0"
            raise ModelError(f"{op.where}: its option {name} is {value:g}, not {limit}; convert the model again")
        return value


def parse(operator: Any) -> Options:
    """The options; raises ModelError if they are damaged.

    Only the map's own entries are read: a file of a hundred bytes can nest vectors that take years to unpack.
    """
    if not operator.CustomOptionsLength():
        return Options((), ())
    data = operator.CustomOptionsAsNumpy().tobytes()
    numbers: dict[str, int | float] = {}
    others = []
    try:
        entries = flexbuffers.GetRoot(data).AsMap
        if len(entries) > len(data):
            raise ValueError(f"{len(entries)} options in {len(data)} bytes")
        for key, value in zip(entries.Keys, entries.Values, strict=True):
            name = str(key.AsKey)
            if value.IsBool or value.IsInt:
                numbers[name] = int(value.AsInt)
            elif value.IsFloat:
                numbers[name] = float(value.AsFloat)
            else:
                others.append(name)
    except DAMAGE as damage:
        raise ModelError("its options are damaged; convert the model again") from damage
    return Options(tuple(sorted(numbers.items())), tuple(sorted(others)))
