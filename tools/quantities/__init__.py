"""One module per optional quantity, found by file name: a field of the record that is absent where it does not apply.

Each module implements Quantity. What every measurement has (flash, RAM, time, mismatches) is a field of Measurement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .. import registry
from ..cycles import Executed
from ..kinds import Optional
from ..runtimes import Program
from ..values import DeviceRun, Energy, Image, Quantized


@dataclass(frozen=True, eq=False)
class Run:
    """A model's run over its test set. ``image`` is None for a firmware that kerf did not build.

    ``bench_code_bytes`` is the code that the firmware has whatever its model, ``executed`` what one inference executed;
    None if they are unknown. ``energy`` is None without an instrument.
    """

    quantized: Quantized
    program: Program
    image: Image | None
    device: DeviceRun
    bench_code_bytes: int | None = None
    executed: Executed | None = None
    energy: Energy | None = None


class Quantity(Protocol):
    """The interface of each module in this folder; its file name is the record's field."""

    LABEL: str
    """Its name in tables."""

    KIND: Any
    """The kind of its value in the record (tools/kinds.py)."""

    def of(self, run: Run) -> Any | None:
        """Its value; None where it does not apply."""

    def text(self, value: Any) -> str:
        """The value with its unit, for tables."""


def find(name: str) -> Quantity:
    """A quantity by name; UnknownName if there is none."""
    quantity: Quantity = registry.find("quantities", name, "quantity")
    return quantity


def kinds() -> dict[str, Any]:
    """The record's fields: the kind of each quantity, by name."""
    return {name: Optional(find(name).KIND) for name in registry.names("quantities")}


def of(run: Run) -> Mapping[str, Any]:
    """The quantities that apply to a run, by name."""
    values = {name: find(name).of(run) for name in registry.names("quantities")}
    return {name: value for name, value in values.items() if value is not None}


def shown(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, text) of each quantity, for tables."""
    return [(find(name).LABEL, find(name).text(value)) for name, value in values.items()]
