"""SignalFftAutoScale of TFLM: a signal shifted left as far as int16 allows, and by how much it was shifted."""

from collections.abc import Sequence

from ..ir import DType, Graph, Op
from ._signal import Signal, count


def sizes(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    return (graph.input(op, 0).shape, ())


OPERATOR = Signal(
    "signal shifted left as far as it fits", (DType.INT16,), (DType.INT16, DType.INT32), count, sizes
).operator()
