"""TANH; the int8 kernel looks up its outputs in a table of all 256.

TFLM's int8 kernel always assumes an output with scale 1/128 and zero point 0. For any other output, LiteRT's table
defines the result (graph/specification.py).
"""

import math

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._fixed_point import rounding_divide_by_power_of_two, tanh
from ._lookup import sigmoids
from ._order import elementwise
from ._quantized import describe
from ._specification import gives
from ._unary import (
    INPUT_BITS,
    check_real_table,
    check_sigmoid_scale,
    check_unary,
    map_call,
    q4_table,
    real_table,
    sigmoid_multiplier,
    table_call,
)

OUTPUT_BITS = 7


def check(op: Op, graph: Graph) -> None:
    dtype = check_unary(op, graph)
    source, output = graph.input(op, 0), graph.output(op)
    if dtype is DType.INT16 and output.scale != 2.0**-15:
        raise UnsupportedModel(
            f"{op.where}: {describe(output)} has the scale {output.scale:.6g}, but the kernel requires 1/32768; "
            f"convert the model again"
        )
    if dtype is DType.INT8 and not _is_tflms(output):
        check_real_table(op, source, output, math.tanh)
    elif dtype is not DType.FLOAT32:
        check_sigmoid_scale(op, source)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return map_call(op, graph, "Tanh")
    if source.dtype is DType.INT8:
        tflms = _is_tflms(output)
        exact = q4_table(source.scale, source.zero_point, _result) if tflms else real_table(source, output, math.tanh)
        return table_call(op, graph, exact)
    multiplier, shift = sigmoid_multiplier(source.scale, (0, 1))
    params = Params("TanhInt16Params", {"count": source.elements, "multiplier": multiplier, "right_shift": shift})
    last = Write(output.index, elementwise(op, graph))
    return KernelCall("tanh.h", "tanh_int16", (params,), (Read(source.index), Constant("sigmoids", sigmoids()), last))


def _is_tflms(output: Tensor) -> bool:
    """Whether an int8 output has the quantization that TFLM's kernel assumes."""
    return (output.scale, output.zero_point) == (2.0**-OUTPUT_BITS, 0)


def _result(scaled: int) -> int:
    """TFLM: Tanh in reference/integer_ops/tanh.h."""
    return rounding_divide_by_power_of_two(tanh(scaled, INPUT_BITS), 31 - OUTPUT_BITS)


OPERATOR = Operator(
    summary="hyperbolic tangent of each element",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    left_out_by_tflm=gives({DType.INT8: 128}),
)
