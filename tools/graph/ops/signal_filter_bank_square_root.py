"""SignalFilterBankSquareRoot of TFLM: square roots, shifted right by the second input."""

from ...errors import ModelError
from ..ir import DType, Graph, Op
from ._signal import Signal, count, same_size


def check(op: Op, graph: Graph) -> None:
    if graph.input(op, 1).elements != 1:
        raise ModelError(f"{op.where}: its second input is not a single number; convert the model again")


OPERATOR = Signal(
    "square roots of sums of energies", (DType.UINT64, DType.INT32), (DType.UINT32,), count, same_size, check=check
).operator()
