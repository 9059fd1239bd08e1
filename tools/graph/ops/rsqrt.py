"""RSQRT: 1 / sqrt(x) of each element; int8 is a table."""

import numpy as np

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._fixed_point import inverse_sqrt, multiply_by_quantized_multiplier
from ._order import elementwise
from ._quantized import INT8_MAX, quantize_multiplier
from ._unary import check_unary, int8_table, map_call, table_call

BITS = 20  # fractional bits of the unscaled result, TFLM's kShift


def check(op: Op, graph: Graph) -> None:
    if check_unary(op, graph) is DType.FLOAT32:
        return
    _, shift = _multiplier(op, graph)
    if not -31 <= shift <= 30 - BITS:
        source, output = graph.input(op, 0), graph.output(op)
        raise UnsupportedModel(
            f"{op.where}: the scales {source.scale:.3g} of its input and {output.scale:.3g} of its output do not fit "
            f"in 32-bit arithmetic; convert the model again with a representative data set that covers the range of "
            f"real inputs"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return map_call(op, graph, "Rsqrt")
    multiplier, shift = _multiplier(op, graph)

    def result(quantized: int) -> int:
        x = quantized - source.zero_point
        if x <= 0:  # TFLM returns this for 0 and aborts on negative inputs
            return INT8_MAX
        root, root_shift = inverse_sqrt(x)
        in_q20 = multiply_by_quantized_multiplier(1, root, root_shift + BITS)
        return multiply_by_quantized_multiplier(in_q20, multiplier, shift) + output.zero_point

    if source.dtype is DType.INT8:
        return table_call(op, graph, int8_table(result))
    params = Params("RsqrtInt16Params", {"count": source.elements, "multiplier": multiplier, "shift": shift})
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    return KernelCall("inverse_sqrt.h", "rsqrt_int16", (params,), arguments)


def _multiplier(op: Op, graph: Graph) -> tuple[int, int]:
    """(multiplier, shift) from a Q20 result to the output; TFLM: SetRsqrtOutputMultiplier in elementwise.cc."""
    source, output = graph.input(op, 0), graph.output(op)
    with np.errstate(over="ignore", under="ignore"):
        product = float(np.sqrt(np.float32(source.scale)) * np.float32(output.scale))
    multiplier, shift = quantize_multiplier(1 / product if product else 2.0**200)
    return multiplier, shift - BITS


OPERATOR = Operator(
    summary="1 / sqrt(x) of each element",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
)
