"""Which accuracies are comparable, and how much a model loses against float32, for the terminal and the page."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..values import Measurement


class Origin(NamedTuple):
    """A model's calibration samples, and the digest of the data set it was tested with; "" if unknown."""

    calibration: str = ""
    data: str = ""


Origins = Mapping[str, Origin]  # by the SHA-256 of the model
UNKNOWN = Origin()


def family(m: Measurement) -> str:
    """The name shared by versions of one model: compression appends its steps to the name."""
    return m.model.partition("+")[0]


def tested_with(m: Measurement, origins: Origins) -> tuple[str, int, str]:
    """What two comparable accuracies must have in common: the model's family, the number of samples, their data."""
    return family(m), m.samples, m.data_sha256 or origins.get(m.model_sha256, UNKNOWN).data


def drop(m: Measurement, others: Iterable[Measurement], origins: Origins) -> float | None:
    """Percentage points of accuracy that ``m`` has lost against float32: 100 * (float32 - m), both on their devices.

    Float32 is the last float32 record of the same family of models with the same samples; None without such a record,
    or without labels.
    """
    same = tested_with(m, origins)
    known = [o for o in others if o.mode == "float32" and o.accuracy and tested_with(o, origins) == same]
    if m.accuracy is None or not known or known[-1].accuracy is None:
        return None
    return 100 * (known[-1].accuracy["device"] - m.accuracy["device"])
