"""SignalDelay of TFLM: the signal of some elements ago, which it keeps."""

from ..ir import DType, Graph, Op
from ._signal import MAX_KEPT, Fields, Signal, kept, rows, same_size


def fields(op: Op, graph: Graph) -> Fields:
    shape = graph.output(op).shape
    return {
        "rows": rows(shape, 1),
        "size": shape[-1] if shape else 1,
        "delay": op.attributes.number(op, "delay_length", high=MAX_KEPT),
    }


def own_state(op: Op, graph: Graph) -> tuple[tuple[int, ...], DType]:
    """The last elements of each row."""
    known = fields(op, graph)
    return kept(op, known["rows"], known["delay"])


OPERATOR = Signal(
    "the signal of some elements ago",
    (DType.INT16,),
    (DType.INT16,),
    fields,
    same_size,
    own_state=own_state,
).operator()
