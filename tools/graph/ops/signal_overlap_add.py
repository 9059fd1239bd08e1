"""SignalOverlapAdd of TFLM: a signal from overlapping frames, the last of which it keeps for the next ones."""

from collections.abc import Sequence

from ...errors import ModelError
from ..ir import DType, Graph, Op
from ._signal import Fields, Signal, kept, rows


def fields(op: Op, graph: Graph) -> Fields:
    source = graph.optional_input(op, 0)
    shape = source.shape if source is not None and len(source.shape) > 1 else (1, 1)
    size = shape[-1]
    return {
        "rows": rows(shape, 2),
        "frames": shape[-2],
        "size": size,
        "step": op.attributes.number(op, "frame_step", low=1, high=size),
    }


def check(op: Op, graph: Graph) -> None:
    if len(graph.input(op, 0).shape) < 2:
        raise ModelError(f"{op.where}: its input has no frames; convert the model again")


def sizes(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    known, shape = fields(op, graph), graph.input(op, 0).shape
    return ((*shape[:-2], known["frames"] * known["step"]),)


def own_state(op: Op, graph: Graph) -> tuple[tuple[int, ...], DType]:
    """The sums of each row so far."""
    known = fields(op, graph)
    source = graph.optional_input(op, 0)
    return kept(op, known["rows"], known["size"], source.dtype if source is not None else DType.INT16)


OPERATOR = Signal(
    "a signal from overlapping frames",
    (DType.INT16,),
    (DType.INT16,),
    fields,
    sizes,
    own_state=own_state,
    check=check,
    instead=(DType.FLOAT32,),
).operator()
