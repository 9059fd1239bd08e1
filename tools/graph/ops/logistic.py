"""LOGISTIC (sigmoid); the int8 kernel looks up its outputs in a table of all 256.

The table takes 256 bytes of flash, less than the code of the computation, and three instructions per element instead of
about 25 multiplications of 32 by 32 bits.
"""

import math

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import check_probability_quantization
from ._fixed_point import logistic, multiply_by_quantized_multiplier, rounding_divide_by_power_of_two
from ._lookup import sigmoids
from ._order import elementwise
from ._quantized import (
    check_arity,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
)

INPUT_BITS = 4  # integer bits of a scaled input: Q4.27
OUTPUT_BITS = 8
THREE_QUARTERS = 3 << 12  # steps of 1 / (24 * 2^9) per 1.0; the int16 table has one entry per 2^9 steps


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output)
    check_shape(op, output, source.shape)
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, source, output)
        check_probability_quantization(op, output)
    if dtype is DType.INT16 and source.scale * THREE_QUARTERS >= 32768:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has the scale {source.scale:.3g}, so that one step exceeds the whole "
            f"range of a sigmoid; convert the model again with a representative data set"
        )
    if dtype is DType.INT8 and not 2.0**-28 <= source.scale < 2.0**35:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has the scale {source.scale:.3g}, out of range for the kernel's "
            f"fixed-point arithmetic; convert the model again with a representative data set"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    fields = {"count": source.elements}
    first, last = Read(source.index), Write(output.index, elementwise(op, graph))
    if source.dtype is DType.FLOAT32:
        return KernelCall("logistic.h", "logistic_float32", (Params("LogisticParams", fields),), (first, last))
    if source.dtype is DType.INT16:
        multiplier, shift = int16_multiplier(source.scale)
        fields |= {"multiplier": multiplier, "right_shift": shift}
        arguments = (first, Constant("sigmoids", sigmoids()), last)
        return KernelCall("logistic.h", "logistic_int16", (Params("LogisticInt16Params", fields),), arguments)
    table = Constant("table", outputs(source.scale, source.zero_point))
    return KernelCall("logistic.h", "logistic_int8", (Params("LogisticParams", fields),), (first, table, last))


def int16_multiplier(scale: float) -> tuple[int, int]:
    """(multiplier, right shift) from an int16 input to the table's steps; scale * 3 * 2^12 below 2^15.

    TFLM: CalculateArithmeticOpDataLogistic in micro/kernels/logistic_common.cc, which treats scales near 2^-12
    separately.
    """
    logarithm = np.log(np.float32(scale)) * (np.float32(1) / np.log(np.float32(2)))
    if abs(logarithm + 12) < 1e-3:
        return 3, 0
    multiplier, shift = scale * THREE_QUARTERS, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return int(multiplier), shift


def outputs(scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """The int8 output (scale 1/256, zero point -128) for each input -128 … 127; 2^-28 <= scale < 2^35.

    TFLM: CalculateArithmeticOpDataLogistic in micro/kernels/logistic_common.cc, then Logistic in
    reference/integer_ops/logistic.h.
    """
    fraction_bits = 31 - INPUT_BITS
    fraction, shift = math.frexp(scale * (1 << fraction_bits))
    multiplier = int(fraction * (1 << 31))  # exact: a scale has 24 bits
    radius = (((1 << INPUT_BITS) - 1) << fraction_bits) >> shift

    def output(quantized: int) -> int:
        centred = quantized - zero_point
        if centred <= -radius:
            return -128
        if centred >= radius:
            return 127
        result = logistic(multiply_by_quantized_multiplier(centred, multiplier, shift), INPUT_BITS)
        return min(rounding_divide_by_power_of_two(result, 31 - OUTPUT_BITS) - 128, 127)

    return np.array([output(quantized) for quantized in range(-128, 128)], np.int8)


OPERATOR = Operator(
    summary="sigmoid of each element",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    fixed_range=True,
)
