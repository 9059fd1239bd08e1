"""What the terminal and the page say of a measurement in the same words."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..values import Measurement

EMULATED, BOARD, HOST = "emulated", "board", "this machine"
STEPS = "largest_difference_steps"  # Measurement.extra: how far integers are from an oracle that is not exact


class Origin(NamedTuple):
    """Which samples made a model's ranges, and the digest of the data set it was tested with; "" where nobody knows."""

    calibration: str = ""
    data: str = ""


Origins = Mapping[str, Origin]  # by the SHA-256 of the model
UNKNOWN = Origin()


def place(m: Measurement) -> str:
    """EMULATED, BOARD or HOST. What this machine's compiler and sanitizers make of a firmware says nothing about a
    microcontroller's flash, RAM or time."""
    return EMULATED if m.emulator else HOST if m.target == "host" else BOARD


def family(m: Measurement) -> str:
    """Models that are versions of one another: compression appends its steps to the name."""
    return m.model.partition("+")[0]


def tested_with(m: Measurement, origins: Origins) -> tuple[str, int, str]:
    """What must be the same before two accuracies are compared: the model's family, the samples, their data."""
    return family(m), m.samples, origins.get(m.model_sha256, UNKNOWN).data


def drop(m: Measurement, others: Iterable[Measurement], origins: Origins) -> float | None:
    """Percentage points of accuracy that ``m`` has lost against float32: 100 * (float32 - m), both on their devices.

    Float32 is the last record in that mode of the model that ``m`` is a version of, over the same samples; without
    one, and without labels, nobody knows.
    """
    same = tested_with(m, origins)
    known = [o for o in others if o.mode == "float32" and o.accuracy and tested_with(o, origins) == same]
    if m.accuracy is None or not known or known[-1].accuracy is None:
        return None
    return 100 * (known[-1].accuracy["device"] - m.accuracy["device"])


def verdict(m: Measurement, oracle: str = "the oracle", steps: float | None = None) -> tuple[str, str]:
    """One sentence, and whether it is "good", "bad" or "faint": did the device compute what it must?

    ``steps`` is the largest difference where TFLM, which defines integer results, could not be asked, else None.
    """
    if steps is not None:
        found = f"All {m.samples:,} samples equal LiteRT's"
        if m.mismatches:
            unit = "step" if steps == 1 else "steps"
            found = f"{m.mismatches:,} of {m.samples:,} samples differ from LiteRT's, by at most {steps:,.0f} {unit}"
        return f"{found}; TFLM defines the result to the last bit, and its interpreter could not run here.", "faint"
    how = "bit for bit" if m.tolerance == 0 else f"(integers exactly, floats within {m.tolerance:g} relative)"
    if m.mismatches == 0:
        return f"All {m.samples:,} samples equal {oracle} {how}.", "good"
    return f"{m.mismatches:,} of {m.samples:,} samples do not equal {oracle} {how}.", "bad"
