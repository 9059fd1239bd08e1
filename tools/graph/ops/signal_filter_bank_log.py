"""SignalFilterBankLog of TFLM: natural logarithms, from straight lines between powers of 2 and a correction table."""

import numpy as np

from ..ir import Argument, Constant, DType, Graph, Op
from ._signal import Fields, Signal, same_size

SEGMENTS = 128  # between two powers of 2


def fields(op: Op, graph: Graph) -> Fields:
    return {
        "count": graph.input(op, 0).elements,
        "output_scale": op.attributes.number(op, "output_scale"),
        "correction_bits": op.attributes.number(op, "input_correction_bits", high=31),
    }


def tables(op: Op, graph: Graph) -> tuple[Argument, ...]:
    """TFLM: kLogLut in signal/src/log.cc, in 1/65536."""
    x = np.arange(SEGMENTS + 2) / SEGMENTS
    corrections = np.where(x <= 1, np.round((np.log2(1 + x) - x) * 65536), 0)
    return (Constant("table", corrections.astype(np.uint16)),)


OPERATOR = Signal(
    "natural logarithms of energies", (DType.UINT32,), (DType.INT16,), fields, same_size, tables=tables
).operator()
