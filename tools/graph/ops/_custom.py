"""The options of custom operators, which are in a flexbuffer: names and numbers."""

from dataclasses import dataclass
from typing import Any

from flatbuffers import flexbuffers

from ...errors import ModelError
from ..ir import Op

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
