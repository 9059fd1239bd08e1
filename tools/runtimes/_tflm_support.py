"""The kernels that TFLM has: operator x type x library, from the table tflm_kernels.csv."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("tflm_kernels.csv")


@dataclass(frozen=True)
class Kernel:
    """A row of the table: one operator.

    ``data`` and ``weights`` are the input positions of data and weights; ``weights`` is None without weights. ``types``
    maps the library's age to the supported types, ``registrations`` a type to its single-type registration.
    ``uses_channel_scales``: kernels of mid-2024 apply per-channel scales; otherwise they silently apply the first scale
    to all channels. ``method`` is the resolver's method if its name is irregular.
    """

    data: int
    weights: int | None
    types: Mapping[str, tuple[str, ...]]
    registrations: Mapping[str, str]
    uses_channel_scales: bool
    method: str


MID_2024, BY_2025 = "mid-2024", "2025"


@cache
def table() -> Mapping[str, Kernel]:
    """Operator → its row."""
    lines = (line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return dict(_rows(csv.DictReader(lines)))


def _rows(rows: "csv.DictReader[str]") -> Iterator[tuple[str, Kernel]]:
    for row in rows:
        before, after = row[MID_2024], row[BY_2025] or row[MID_2024]
        yield (
            row["operator"],
            Kernel(
                data=int(row["data"]),
                weights=int(row["weights"]) if row["weights"] else None,
                types={MID_2024: tuple(before.split()), BY_2025: tuple(after.split())},
                registrations=dict(tuple(pair.split(":")) for pair in row["registrations"].split()),
                uses_channel_scales=row["ignores"] != "channel scales",
                method=row["method"],
            ),
        )


def kernel(kind: str) -> Kernel:
    """The row of an operator; for an operator that is not in the table, a row without kernels."""
    return table().get(kind, Kernel(0, None, {}, {}, True, ""))


@dataclass(frozen=True)
class Library:
    """A published TFLM library.

    ``names`` are the names of its package in registries, repositories and folders. ``age`` is a column of the table,
    ``tflm`` its display text. ``registry`` is its name in the registry of its build system, ``header`` that of an
    Arduino library.
    """

    title: str
    names: tuple[str, ...]
    tflm: str
    age: str
    registry: str = ""
    header: str = ""

    def types(self, kind: str) -> tuple[str, ...]:
        """The types that an operator has kernels for; () if the library lacks the operator."""
        return kernel(kind).types.get(self.age, ())

    def uses_channel_scales(self, kind: str) -> bool:
        """Whether an operator's kernel applies the per-channel scales of its weights."""
        return self.age != MID_2024 or kernel(kind).uses_channel_scales

    @property
    def per_channel_dense(self) -> bool:
        """Whether every operator's kernel applies per-channel scales."""
        return all(self.uses_channel_scales(kind) for kind in table())


CHIRALE = Library(
    "Chirale_TensorFLowLite",
    ("chirale_tensorflowlite",),
    "TFLM of mid-2024",
    MID_2024,
    registry="spaziochirale/Chirale_TensorFLowLite",
    header="Chirale_TensorFlowLite.h",
)
ESPRESSIF = Library(
    "esp-tflite-micro",
    ("esp-tflite-micro",),
    "TFLM of 2025",
    BY_2025,
    registry="espressif/esp-tflite-micro",
)
LIBRARIES = (CHIRALE, ESPRESSIF)
# The interpreter on the host: a pre-release of 2026 with all kernels of the published libraries.
INTERPRETER = Library("tflite-micro", ("tflite-micro",), "TFLM of 2026", BY_2025)
# A library that kerf does not know: only what every TFLM since mid-2024 can do is relied on.
UNKNOWN = Library("another TFLM", (), "of an unknown age", MID_2024)


def adder(kind: str) -> str:
    """The name of MicroMutableOpResolver's method for an operator: CONV_2D → AddConv2D."""
    return "Add" + (kernel(kind).method or kind.title().replace("_", ""))
