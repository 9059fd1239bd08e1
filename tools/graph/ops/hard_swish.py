"""HARD_SWISH: x * min(max(x + 3, 0), 6) / 6; int8 is a table."""

import numpy as np

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Tensor
from ..operator import Operator, portable
from ._fixed_point import rounding_divide_by_power_of_two
from ._quantized import quantize_multiplier
from ._unary import check_unary, int8_table, map_call, table_call

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
LARGEST_SHIFT = 15  # of a 16-bit number, in either direction


def check(op: Op, graph: Graph) -> None:
    if check_unary(op, graph, (DType.INT8, DType.FLOAT32)) is DType.FLOAT32:
        return
    source, output = graph.input(op, 0), graph.output(op)
    (_, gate), (_, linear) = _multipliers(source, output)
    if not -LARGEST_SHIFT <= linear <= 0 or not -LARGEST_SHIFT <= gate <= LARGEST_SHIFT:
        raise UnsupportedModel(
            f"{op.where}: the scales {source.scale:.3g} of its input and {output.scale:.3g} of its output are too far "
            f"apart or out of range for 16 bits; convert the model again with a representative data set"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return map_call(op, graph, "HardSwish")
    gate, linear = _multipliers(source, output)
    return table_call(
        op, graph, int8_table(lambda quantized: _result(quantized - source.zero_point, gate, linear, output.zero_point))
    )


def _multipliers(source: Tensor, output: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """(16-bit multiplier, shift) from 128 * input to the gate, where 2^15 represents 3, and to the output.

    TFLM: HardSwishPrepare in micro/kernels/hard_swish_common.cc, in float32.
    """
    f32 = np.float32
    with np.errstate(over="ignore", under="ignore"):
        fine = f32(1 / 128) * f32(source.scale)
        reals = float(fine / (f32(3) / f32(32768))), float(fine / f32(output.scale))
    pairs = [quantize_multiplier(min(real, 2.0**40)) for real in reals]
    gate, linear = ((min((multiplier + (1 << 15)) >> 16, INT16_MAX), shift) for multiplier, shift in pairs)
    return gate, linear


def _result(x: int, gate: tuple[int, int], linear: tuple[int, int], zero_point: int) -> int:
    """TFLM: HardSwish<int8_t> in reference/hard_swish.h."""
    fine = x * 128
    scaled = _high_mul(fine, linear[0])
    opening, shift = fine, gate[1]
    if shift > 0:
        opening = _saturate(opening << (shift - 1))
    opening = _high_mul(opening, gate[0])
    if shift > 0:
        opening = _saturate(opening << 1)
    if shift < 0:
        opening = rounding_divide_by_power_of_two(opening, -shift)
    opening = (opening + (1 << 15)) >> 1  # -1 … 1 becomes 0 … 1
    product = opening * scaled
    truncated = abs(product) >> 15
    return rounding_divide_by_power_of_two(truncated if product >= 0 else -truncated, -linear[1]) + zero_point


def _high_mul(a: int, b: int) -> int:
    """The high 16 bits of 2ab, rounded; b is positive."""
    return (a * b + (1 << 14)) >> 15


def _saturate(x: int) -> int:
    return min(max(x, INT16_MIN), INT16_MAX)


OPERATOR = Operator(
    summary="x * min(max(x + 3, 0), 6) / 6 of each element",
    types=("int8", "float32"),
    check=check,
    variants=portable(call),
)
