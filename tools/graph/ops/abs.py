"""ABS: the absolute value of each element, rescaled to the output's quantization; int8 is a table."""

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import rescale
from ._fixed_point import multiply_by_quantized_multiplier
from ._order import elementwise
from ._unary import check_unary, int8_table, map_call, table_call


def check(op: Op, graph: Graph) -> None:
    if check_unary(op, graph) is not DType.FLOAT32:
        _multiplier(op, graph)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return map_call(op, graph, "Abs")
    multiplier, shift = _multiplier(op, graph)

    def result(quantized: int) -> int:
        magnitude = abs(quantized - source.zero_point)
        return multiply_by_quantized_multiplier(magnitude, multiplier, shift) + output.zero_point

    if source.dtype is DType.INT8:
        return table_call(op, graph, int8_table(result))
    params = Params("AbsInt16Params", {"count": source.elements, "multiplier": multiplier, "shift": shift})
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    return KernelCall("abs.h", "abs_int16", (params,), arguments)


def _multiplier(op: Op, graph: Graph) -> tuple[int, int]:
    """(multiplier, shift) from input to output; TFLM: SetAbsOutputMultiplier in micro/kernels/elementwise.cc."""
    source, output = graph.input(op, 0), graph.output(op)
    return rescale(op, source.scale / output.scale, 255 if source.dtype is DType.INT8 else 32768)


OPERATOR = Operator(
    summary="absolute value of each element",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
)
