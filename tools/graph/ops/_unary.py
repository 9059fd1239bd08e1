"""Shared by functions of one element: a table of all 256 results for int8, kernels/functions.h for float32."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._fixed_point import multiply_by_quantized_multiplier
from ._order import elementwise
from ._quantized import (
    COMPUTED,
    FLOAT32_MAX,
    INT8_MAX,
    INT8_MIN,
    INTEGERS,
    check_arity,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
    round_half_away,
)

INPUT_BITS = 4  # integer bits of the scaled input of LOGISTIC and TANH: Q4.27
SIGMOID_STEPS = 3 << 12  # 4096 * 3: steps per unit of the rescaled int16 input of LOGISTIC and TANH


def check_unary(op: Op, graph: Graph, types: Iterable[DType] = COMPUTED) -> DType:
    """Checks input and output, which have the same type and shape, and returns the type. Raises ModelError or
    UnsupportedModel."""
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output, allowed=types)
    check_shape(op, output, source.shape)
    if dtype in INTEGERS:
        check_per_tensor(op, source, output)
    return dtype


def table_call(op: Op, graph: Graph, results: npt.NDArray[Any]) -> KernelCall:
    """The call of table_int8() or table_uint8() in kernels/table.h; ``results`` are those of all inputs in order."""
    source, output = graph.input(op, 0), graph.output(op)
    arguments = (Read(source.index), Constant("table", results), Write(output.index, elementwise(op, graph)))
    name = f"table_{source.dtype.value}"
    return KernelCall("table.h", name, (Params("TableParams", {"count": source.elements}),), arguments)


def map_call(op: Op, graph: Graph, function: str) -> KernelCall:
    """The call of map() in kernels/functions.h with a function from there."""
    source, output = graph.input(op, 0), graph.output(op)
    params = Params("MapParams", {"count": source.elements})
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    return KernelCall("functions.h", "map", (params,), arguments, (function,))


def function(summary: str, name: str, dtype: DType = DType.FLOAT32) -> Operator:
    """An operator for a single type, with the function ``name`` of kernels/functions.h as its kernel."""

    def check(op: Op, graph: Graph) -> None:
        check_unary(op, graph, (dtype,))

    def call(op: Op, graph: Graph) -> KernelCall:
        return map_call(op, graph, name)

    return Operator(summary=summary, types=(dtype.value,), check=check, variants=portable(call))


def int8_table(function: Callable[[int], int]) -> npt.NDArray[np.int8]:
    """The results of ``function`` for -128 … 127, saturated to int8."""
    results = [function(quantized) for quantized in range(INT8_MIN, INT8_MAX + 1)]
    return np.array(np.clip(np.array(results, np.int64), INT8_MIN, INT8_MAX), np.int8)


# --- from real numbers ------------------------------------------------------------------------------------------------


def check_real_table(op: Op, source: Tensor, output: Tensor, function: Callable[[float], float]) -> None:
    """Raises UnsupportedModel if real_table() would exceed the range of float32 or of 32-bit integers."""
    ends = [source.scale * (quantized - source.zero_point) for quantized in (INT8_MIN, INT8_MAX)]
    floats = max(map(abs, ends)) <= FLOAT32_MAX and 1 / output.scale <= FLOAT32_MAX
    if not floats or max(abs(function(x)) for x in ends) / output.scale >= 2**31 - 256:
        raise UnsupportedModel(
            f"{op.where}: the scales {source.scale:.3g} of {describe(source)} and {output.scale:.3g} of "
            f"{describe(output)} are too far apart or out of range; convert the model again with a representative data "
            f"set"
        )


def real_table(source: Tensor, output: Tensor, function: Callable[[float], float]) -> npt.NDArray[np.int8]:
    """The table of a monotonic function of real numbers, in float32 precision; requires check_real_table().

    TFLM: PopulateLookupTable in micro/kernels/elu.cc; LiteRT: LUTPopulateInt8 in kernels/internal/common.h.
    """
    f32 = np.float32
    inverse = f32(1) / f32(output.scale)

    def result(quantized: int) -> int:
        real = f32(source.scale) * f32(quantized - source.zero_point)
        steps = f32(round_half_away(float(f32(function(float(real))) * inverse)))
        return int(steps + f32(output.zero_point))

    return int8_table(result)


# --- LOGISTIC and TANH ------------------------------------------------------------------------------------------------


def check_sigmoid_scale(op: Op, source: Tensor) -> None:
    """Raises UnsupportedModel unless an integer input's scale is in the range of q4_table() or sigmoid_multiplier()."""
    if source.dtype is DType.INT16 and source.scale * SIGMOID_STEPS >= 32768:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has the scale {source.scale:.3g}, so that one step exceeds the whole "
            f"range of a sigmoid; convert the model again with a representative data set"
        )
    if source.dtype in (DType.INT8, DType.UINT8) and not 2.0**-28 <= source.scale < 2.0**35:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has the scale {source.scale:.3g}, out of range for the kernel's "
            f"fixed-point arithmetic; convert the model again with a representative data set"
        )


def q4_table(scale: float, zero_point: int, function: Callable[[int], int]) -> npt.NDArray[np.int8]:
    """The table of a function of a Q4.27 number that is saturated outside -15 … 15; 2^-28 <= scale < 2^35.

    TFLM: CalculateArithmeticOpDataLogistic in micro/kernels/logistic_common.cc, CalculateArithmeticOpData in tanh.cc.
    """
    fraction_bits = 31 - INPUT_BITS
    fraction, shift = math.frexp(scale * (1 << fraction_bits))
    multiplier = int(fraction * (1 << 31))  # exact: a scale has 24 bits
    radius = (((1 << INPUT_BITS) - 1) << fraction_bits) >> shift

    def result(quantized: int) -> int:
        centred = quantized - zero_point
        if centred <= -radius:
            return INT8_MIN
        if centred >= radius:
            return INT8_MAX
        return function(multiply_by_quantized_multiplier(centred, multiplier, shift))

    return int8_table(result)


def sigmoid_multiplier(scale: float, powers: Iterable[int]) -> tuple[int, int]:
    """(multiplier, right shift) from an int16 input to steps of 1 / SIGMOID_STEPS; scale * SIGMOID_STEPS below 2^15.

    TFLM: CalculateArithmeticOpDataLogistic in micro/kernels/logistic_common.cc, CalculateArithmeticOpData in tanh.cc,
    which treat scales near 2^(power - 12), for each of ``powers``, separately.
    """
    logarithm = np.log(np.float32(scale)) * (np.float32(1) / np.log(np.float32(2)))
    for power in powers:
        if abs(logarithm + 12 - power) < 1e-3:
            return 3 << power, 0
    multiplier, shift = scale * SIGMOID_STEPS, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return int(multiplier), shift
