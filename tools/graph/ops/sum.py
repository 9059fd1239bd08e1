"""SUM over constant axes; for integers, MEAN's kernel without the division by the count."""

from ..ir import DType, Graph, KernelCall, Op, Params
from ..operator import Operator, portable
from ._quantized import multiplier_and_shift
from ._reduce import check_reduction, check_sum, integer_sum_call, parse, reduce_call


def check(op: Op, graph: Graph) -> None:
    if check_reduction(op, graph) is not DType.FLOAT32:
        _, shift = multiplier_and_shift(op, graph.input(op, 0).scale / graph.output(op).scale)
        check_sum(op, graph, shift)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return reduce_call(op, graph, "reduce.h", "sum_float32", Params("ReduceParams", {}))
    return integer_sum_call(op, graph, *multiplier_and_shift(op, source.scale / output.scale))


OPERATOR = Operator(
    summary="sum over any dimensions",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
)
