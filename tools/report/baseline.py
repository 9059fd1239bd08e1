"""Which accuracies can be compared, and what a model has lost against float32, for the terminal and the page."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..values import Measurement


class Origin(NamedTuple):
    """Which samples made a model's ranges, and the digest of the data set it was tested with; "" where nobody knows."""

    calibration: str = ""
    data: str = ""


Origins = Mapping[str, Origin]  # by the SHA-256 of the model
UNKNOWN = Origin()


def family(m: Measurement) -> str:
    """Models that are versions of one another: compression appends its steps to the name."""
    return m.model.partition("+")[0]


def tested_with(m: Measurement, origins: Origins) -> tuple[str, int, str]:
    """What must be the same before two accuracies are compared: the model's family, the samples, their data."""
    return family(m), m.samples, m.data_sha256 or origins.get(m.model_sha256, UNKNOWN).data


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
