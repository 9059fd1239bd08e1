"""Shared by MAXIMUM and MINIMUM: everything except the direction."""

from ..ir import DType, Graph, KernelCall, Op, Params
from ..operator import EVERY_INPUT, Operator, portable
from ._broadcast import broadcast_call, check_operands

TYPES = ("int8", "int16", "float32", "int32", "int64")


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless call() has a kernel for this operator."""
    check_operands(op, graph, [DType(name) for name in TYPES])


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of kernels/extremum.h; requires check()."""
    return broadcast_call(op, graph, "extremum.h", op.kind.lower(), Params("BroadcastParams", {}))


def extremum(summary: str) -> Operator:
    """An operator whose kernel in kernels/extremum.h has its name."""
    return Operator(summary=summary, types=TYPES, check=check, variants=portable(call), one_quantization=EVERY_INPUT)
