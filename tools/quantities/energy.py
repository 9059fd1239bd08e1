"""The energy of one inference, from an instrument between the board and its supply."""

import math
from dataclasses import asdict
from typing import Any

from ..kinds import AMOUNT, RATE, TEXT, Value
from . import Run

LABEL = "energy"
# What is left above the idle current may be below zero.
_FINITE = Value("a finite number", lambda value: type(value) in (int, float) and math.isfinite(value))
KIND = {"uj": _FINITE, "ma": _FINITE, "idle_ma": _FINITE, "volts": AMOUNT, "inferences": RATE, "instrument": TEXT}


def of(run: Run) -> dict[str, Any] | None:
    return None if run.energy is None else asdict(run.energy)


def text(value: dict[str, Any]) -> str:
    return (
        f"{value['uj']:.4g} µJ above idle; {value['ma']:.4g} mA, idle {value['idle_ma']:.4g} mA at "
        f"{value['volts']:.3g} V ({value['instrument']}, mean of {value['inferences']:,} inferences)"
    )
