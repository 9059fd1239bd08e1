"""SignalStacker of TFLM: the last frames of a signal in one, the oldest first; it keeps them for the next one."""

from collections.abc import Sequence

from ...errors import UnsupportedModel
from ..ir import DType, Graph, Op
from ._quantized import check_shape
from ._signal import MAX_KEPT, Fields, Signal, kept

RIGHT, STEP = "stacker_right_context", "stacker_step"


def fields(op: Op, graph: Graph) -> Fields:
    return {
        "channels": op.attributes.number(op, "num_channels", low=1, high=MAX_KEPT),
        "before": op.attributes.number(op, "stacker_left_context", high=MAX_KEPT),
    }


def check(op: Op, graph: Graph) -> None:
    check_shape(op, graph.input(op, 0), (fields(op, graph)["channels"],))
    right = op.attributes.number(op, RIGHT, high=MAX_KEPT)
    if right or op.attributes.number(op, STEP, low=1, high=MAX_KEPT) > 1:
        raise UnsupportedModel(
            f"{op.where} gives no output at some inferences, and kerf compares the output of each; convert the model "
            f"again with {RIGHT} = 0 and {STEP} = 1"
        )


def sizes(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    known = fields(op, graph)
    return (known["channels"] * (known["before"] + 1),), ()


def own_state(op: Op, graph: Graph) -> tuple[tuple[int, ...], DType]:
    """Whether there was a frame, then the frames that the next output repeats."""
    known = fields(op, graph)
    return kept(op, 1, 1 + known["channels"] * known["before"])


OPERATOR = Signal(
    "the last frames of a signal, and whether they are valid",
    (DType.INT16,),
    (DType.INT16, DType.BOOL),
    fields,
    sizes,
    own_state=own_state,
    check=check,
).operator()
