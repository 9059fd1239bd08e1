"""One module per instrument that measures the current of a board, found by file name.

An instrument records the supply current and the pin that the firmware raises during inferences. The libraries that
speak to instruments are not installed by default.
"""

import importlib
import re
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .. import registry
from ..errors import MissingTool, UsageError
from ._windows import Samples, energy

__all__ = ["Instrument", "Recorder", "Samples", "connected", "energy", "library", "require"]

MIN_VOLTS, MAX_VOLTS = 0.8, 5.0


class Recorder(Protocol):
    """A connected instrument, through which the board is powered."""

    def start(self) -> None:
        """Starts to record."""

    def stop(self) -> Samples:
        """Everything since `start`. Raises TransportError if the instrument was lost meanwhile."""


class Instrument(Protocol):
    """The interface of each module in this folder."""

    MODULE: str
    """The Python module that speaks to it …"""

    PACKAGE: str
    """… and the package on PyPI that has it."""

    VOLTS: float | None
    """The board's supply voltage unless the user gives another; None if the instrument measures it."""

    def connected(self, library: Any, volts: float) -> AbstractContextManager[Recorder]:
        """Connects to the only instrument of its kind; ``library`` is MODULE. Raises TransportError."""


def require(asked: str) -> tuple[Instrument, float, Any]:
    """An instrument, the board's voltage and the instrument's library for what the user asked: ``ppk2``, ``ppk2:1.8``.

    Raises UnknownName, UsageError for a wrong voltage, MissingTool if the library is not installed.
    """
    name, separator, text = asked.partition(":")
    instrument: Instrument = registry.find("power", name, "instrument")
    if separator and instrument.VOLTS is None:
        raise UsageError(f"--power {asked}: {name} measures the voltage itself; omit :{text}")
    volts = instrument.VOLTS or 0.0
    if separator:
        volts = float(text) if re.fullmatch(r"\d{1,2}(\.\d+)?", text, re.ASCII) else 0.0
        if not MIN_VOLTS <= volts <= MAX_VOLTS:
            raise UsageError(
                f"--power {asked}: {text!r} is not the board's supply voltage; give {MIN_VOLTS:g} to {MAX_VOLTS:g} V, "
                f"as in {name}:3.3"
            )
    return instrument, volts, library(name, instrument)


def library(name: str, instrument: Instrument) -> Any:
    """The module that speaks to an instrument; MissingTool if it is not installed."""
    try:
        return importlib.import_module(instrument.MODULE)
    except ImportError as error:
        raise MissingTool(
            f"--power {name} needs the Python package {instrument.PACKAGE}, which is not installed; get it with: "
            f".venv/bin/pip install {instrument.PACKAGE}"
        ) from error


def connected(asked: str) -> AbstractContextManager[Recorder]:
    """Connects to the instrument that the user asked for; the errors are those of `require` and TransportError."""
    instrument, volts, module = require(asked)
    return instrument.connected(module, volts)
