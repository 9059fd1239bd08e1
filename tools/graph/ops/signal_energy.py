"""SignalEnergy of TFLM: the squared magnitude of some elements of a spectrum; TFLM leaves the others undefined."""

from collections.abc import Sequence

from ..ir import DType, Graph, Op
from ._signal import Fields, Signal


def fields(op: Op, graph: Graph) -> Fields:
    size = graph.input(op, 0).elements // 2
    end = op.attributes.number(op, "end_index", high=size)
    return {"start": op.attributes.number(op, "start_index", high=end), "end": end, "count": size}


def sizes(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    return ((graph.input(op, 0).elements // 2,),)


OPERATOR = Signal("energies of a spectrum", (DType.INT16,), (DType.UINT32,), fields, sizes).operator()
