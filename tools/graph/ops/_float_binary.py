"""Operators on two tensors that only have a float32 kernel and no options: FLOOR_DIV and FLOOR_MOD."""

from ..ir import DType, Graph, KernelCall, Op, Params
from ..operator import Operator, portable
from ._broadcast import broadcast_call, check_operands


def float_binary(summary: str) -> Operator:
    """An operator whose kernel in kernels/div.h has its name."""

    def check(op: Op, graph: Graph) -> None:
        check_operands(op, graph, (DType.FLOAT32,))

    def call(op: Op, graph: Graph) -> KernelCall:
        return broadcast_call(op, graph, "div.h", f"{op.kind.lower()}_float32", Params("BroadcastParams", {}))

    return Operator(summary=summary, types=("float32",), check=check, variants=portable(call))
