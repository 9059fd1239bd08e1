"""SignalFramer of TFLM: overlapping frames of a signal, whose end it keeps for the next ones."""

from collections.abc import Sequence

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, Op
from ._signal import MAX_KEPT, Fields, Signal, kept, rows


def fields(op: Op, graph: Graph) -> Fields:
    size = op.attributes.number(op, "frame_size", low=1, high=MAX_KEPT)
    shape = graph.output(op).shape
    return {
        "rows": rows(shape, 2),
        "frames": shape[-2] if len(shape) > 1 else 1,
        "size": size,
        "step": op.attributes.number(op, "frame_step", low=1, high=size),
    }


def check(op: Op, graph: Graph) -> None:
    source, step = graph.input(op, 0), fields(op, graph)["step"]
    if not source.shape or source.shape[-1] % step:
        raise ModelError(f"{op.where}: its input is no whole number of steps of {step}; convert the model again")
    if not op.attributes.number(op, "prefill", high=1):
        raise UnsupportedModel(
            f"{op.where} gives no frames until its buffer is full, and kerf compares the output of every inference; "
            f"create the layer with prefill = True"
        )


def sizes(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    known, shape = fields(op, graph), graph.input(op, 0).shape
    return (*shape[:-1], shape[-1] // known["step"], known["size"]), ()


def own_state(op: Op, graph: Graph) -> tuple[tuple[int, ...], DType]:
    """The elements of each row that the next frame repeats."""
    known = fields(op, graph)
    return kept(op, known["rows"], known["size"] - known["step"])


OPERATOR = Signal(
    "overlapping frames of a signal, and whether they are valid",
    (DType.INT16,),
    (DType.INT16, DType.BOOL),
    fields,
    sizes,
    own_state=own_state,
    check=check,
).operator()
