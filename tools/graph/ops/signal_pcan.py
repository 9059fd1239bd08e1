"""SignalPCAN of TFLM: a gain per channel, which a table gives for the channel's noise."""

from ...errors import ModelError
from ..ir import DType, Graph, Op
from ._signal import Fields, Signal, same_size

TABLE = 4 * 32 - 6 + 3  # elements that the kernel may read


def fields(op: Op, graph: Graph) -> Fields:
    return {"count": graph.input(op, 0).elements, "snr_shift": op.attributes.number(op, "snr_shift", high=63)}


def check(op: Op, graph: Graph) -> None:
    energies, noise, table = (graph.input(op, i) for i in range(3))
    if noise.shape != energies.shape or table.elements < TABLE:
        raise ModelError(f"{op.where}: its noise or its table has the wrong size; convert the model again")


OPERATOR = Signal(
    "gain per channel, depending on its noise",
    (DType.UINT32, DType.UINT32, DType.INT16),
    (DType.UINT32,),
    fields,
    same_size,
    constants=(2,),
    check=check,
).operator()
