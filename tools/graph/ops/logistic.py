"""LOGISTIC (sigmoid); the int8 kernel looks up its outputs in a table of all 256.

The table takes 256 bytes of flash, less than the code of the computation, and three instructions per element instead of
about 25 multiplications of 32 by 32 bits.
"""

from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import check_probability_quantization
from ._fixed_point import logistic, rounding_divide_by_power_of_two
from ._lookup import sigmoids
from ._order import elementwise
from ._unary import INPUT_BITS, check_sigmoid_scale, check_unary, q4_table, sigmoid_multiplier, table_call

OUTPUT_BITS = 8


def check(op: Op, graph: Graph) -> None:
    if check_unary(op, graph) is not DType.FLOAT32:
        check_probability_quantization(op, graph.output(op))
        check_sigmoid_scale(op, graph.input(op, 0))


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.INT8:
        return table_call(op, graph, q4_table(source.scale, source.zero_point, _result))
    first, last = Read(source.index), Write(output.index, elementwise(op, graph))
    fields = {"count": source.elements}
    if source.dtype is DType.FLOAT32:
        return KernelCall("logistic.h", "logistic_float32", (Params("LogisticFloat32Params", fields),), (first, last))
    multiplier, shift = sigmoid_multiplier(source.scale, (0,))
    fields |= {"multiplier": multiplier, "right_shift": shift}
    arguments = (first, Constant("sigmoids", sigmoids()), last)
    return KernelCall("logistic.h", "logistic_int16", (Params("LogisticInt16Params", fields),), arguments)


def _result(scaled: int) -> int:
    """TFLM: Logistic in reference/integer_ops/logistic.h."""
    return rounding_divide_by_power_of_two(logistic(scaled, INPUT_BITS), 31 - OUTPUT_BITS) - 128


OPERATOR = Operator(
    summary="sigmoid of each element",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    fixed_range=True,
)
