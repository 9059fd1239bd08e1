"""ELU: x, or exp(x) - 1 for negative x; int8 is a table."""

import math

import numpy as np

from ..ir import DType, Graph, KernelCall, Op
from ..operator import Operator, portable
from ._unary import check_real_table, check_unary, map_call, real_table, table_call


def check(op: Op, graph: Graph) -> None:
    if check_unary(op, graph, (DType.INT8, DType.FLOAT32)) is DType.INT8:
        check_real_table(op, graph.input(op, 0), graph.output(op), _elu)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return map_call(op, graph, "Elu")
    return table_call(op, graph, real_table(source, output, _elu))


def _elu(x: float) -> float:
    """ELU of a float32, with the exponential rounded to float32."""
    return float(np.float32(math.exp(x)) - np.float32(1)) if x < 0 else x


OPERATOR = Operator(
    summary="x, or exp(x) - 1 for negative x, of each element",
    types=("int8", "float32"),
    check=check,
    variants=portable(call),
)
