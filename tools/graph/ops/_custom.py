"""The options of custom operators, which are in a flexbuffer: names and numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from ...errors import ModelError
from ..ir import Op
from ._quantized import FLOAT32_MAX

DAMAGE = (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, NotImplementedError)


@dataclass(frozen=True)
class Options:
    """The numbers among an operator's options, by their names in the file."""

    numbers: tuple[tuple[str, int | float], ...]

    def number(self, op: Op, name: str, low: int = 0, high: int = (1 << 31) - 1, default: int | None = None) -> int:
        """An integer or flag; ``default`` if it is missing. Raises ModelError if it is not ``low`` … ``high``."""
        value = dict(self.numbers).get(name, default)
        if not isinstance(value, int) or not low <= value <= high:
            stated = "missing" if value is None else str(value)
            raise ModelError(f"{op.where}: its option {name} is {stated}, not {low} … {high}; convert the model again")
        return value

    def real(self, op: Op, name: str) -> float:
        """A number of float32. Raises ModelError if it is missing or not finite."""
        value = dict(self.numbers).get(name)
        if value is None or not abs(value) <= FLOAT32_MAX:
            stated = "missing" if value is None else str(value)
            raise ModelError(f"{op.where}: its option {name} is {stated}, not a number; convert the model again")
        return float(np.float32(value))

    def positive(self, op: Op, name: str, high: float = FLOAT32_MAX) -> float:
        """A number of float32 above 0. Raises ModelError if it is not, or above ``high``."""
        value = self.real(op, name)
        if not 0 < value <= high:
            limit = f"between 0 and {high:g}" if high < FLOAT32_MAX else "above 0"
            raise ModelError(f"{op.where}: its option {name} is {value:g}, not {limit}; convert the model again")
        return value


def parse(operator: Any) -> Options:
    """The options; raises ModelError if they are damaged."""
    if not operator.CustomOptionsLength():
        return Options(())
    try:
        found = flexbuffers.Loads(operator.CustomOptionsAsNumpy().tobytes())
        values = ((str(name), value) for name, value in found.items() if isinstance(value, int | float))
        return Options(tuple(sorted((name, int(v) if isinstance(v, bool) else v) for name, v in values)))
    except (RecursionError, *DAMAGE) as damage:
        raise ModelError("its options are damaged; convert the model again") from damage
