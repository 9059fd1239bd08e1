"""SignalWindow of TFLM: each sample multiplied by a window's, and shifted right."""

from ...errors import ModelError
from ..ir import DType, Graph, Op
from ._signal import Fields, Signal, same_size


def fields(op: Op, graph: Graph) -> Fields:
    source, window = graph.input(op, 0), graph.input(op, 1)
    if len(window.shape) != 1 or source.elements % window.elements:
        raise ModelError(f"{op.where}: its input's length is not a multiple of its window's; convert the model again")
    return {"count": source.elements, "size": window.elements, "shift": op.attributes.number(op, "shift", high=31)}


OPERATOR = Signal(
    "signal times a window", (DType.INT16, DType.INT16), (DType.INT16,), fields, same_size, constants=(1,)
).operator()
