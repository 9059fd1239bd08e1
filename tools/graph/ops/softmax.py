"""SOFTMAX along the last dimension; the int8 kernel looks up its exponentials in a table.

An element of a row differs from the row's maximum by 0 … 255 steps, so there are at most 256 exponentials. The table
ends where they become negligible: 93 entries for an input scale of 0.15, all 256 below about 0.054. Measured on a
Cortex-M4 (GCC 12.2 -O2, 10 classes, scale 0.15): 683 instructions and 992 bytes of code and table, compared with 3,542
instructions and 1,060 bytes of code for TFLM's method, which computes each exponential twice.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from . import _lookup
from ._elementwise import check_probability_quantization, rescale
from ._fixed_point import exp_on_negative_values, saturating_rounding_doubling_high_mul
from ._order import elementwise
from ._quantized import (
    check_arity,
    check_not_empty,
    check_not_scalar,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
    options,
    quantize_multiplier,
)
from ._specification import takes_no_uint8

EIGHT_BITS = (DType.INT8, DType.UINT8)
TYPES = (DType.INT8, DType.INT16, DType.FLOAT32, DType.UINT8)
DIFFERENCE_BITS = 5  # integer bits of a scaled difference: Q5.26
LARGEST_DEPTH = {DType.INT8: 4095, DType.UINT8: 4095, DType.INT16: 65535}  # a row's sum is Q12.19, Q16.15
INT16_STEP = 10.0 / 65535.0  # of a difference in the int16 table
LEAST = 1 << 11  # smallest exponential in Q0.31 that changes a row's sum in Q12.19


@dataclass(frozen=True)
class Attributes:
    beta: float  # a float32 value


def parse(operator: Any) -> Attributes:
    return Attributes(float(options(operator, tflite.SoftmaxOptions).Beta()))


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output, allowed=TYPES)
    check_shape(op, output, source.shape)
    check_not_empty(op, source)
    check_not_scalar(op, source)
    beta = op.attributes.beta
    if not math.isfinite(beta) or (dtype is not DType.FLOAT32 and beta <= 0):
        needed = "finite" if dtype is DType.FLOAT32 else "finite and above 0"
        raise ModelError(f"{op.where}: its beta is {beta:.3g}, but must be {needed}; convert the model again")
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, source, output)
        check_probability_quantization(op, output)
    if dtype is DType.INT16:
        rescale(op, beta * source.scale / INT16_STEP, largest=65535)
    if dtype is not DType.FLOAT32:
        largest = LARGEST_DEPTH[dtype]
        if source.shape[-1] > largest:
            raise UnsupportedModel(
                f"{op.where}: {describe(source)} has {source.shape[-1]} classes, but the {dtype.value} kernel takes "
                f"at most {largest}; try --mode float32"
            )
    if dtype in EIGHT_BITS and not beta * source.scale * 2 ** (31 - DIFFERENCE_BITS) > 1:
        raise UnsupportedModel(
            f"{op.where}: beta {beta:.3g} times the scale {source.scale:.3g} of {describe(source)} "
            f"is too small for the kernel; convert the model again with a representative data set"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    depth = source.shape[-1]
    fields = {"rows": source.elements // depth, "depth": depth}
    first, last = Read(source.index), Write(output.index, elementwise(op, graph))
    if source.dtype is DType.FLOAT32:
        fields |= {"beta": op.attributes.beta}
        return KernelCall("softmax.h", "softmax_float32", (Params("SoftmaxFloat32Params", fields),), (first, last))
    if source.dtype is DType.INT16:
        multiplier, shift = rescale(op, op.attributes.beta * source.scale / INT16_STEP, largest=65535)
        fields |= {"multiplier": multiplier, "shift": shift}
        tables = Constant("exponentials", _lookup.exponentials()), Constant("reciprocals", _lookup.reciprocals())
        params = Params("SoftmaxInt16Params", fields)
        return KernelCall("softmax.h", "softmax_int16", (params,), (first, *tables, last))
    table = exponentials(source.scale, op.attributes.beta)
    fields |= {"table_size": len(table)}
    arguments = (first, Constant("exponentials", table), last)
    return KernelCall("softmax.h", f"softmax_{source.dtype.value}", (Params("SoftmaxInt8Params", fields),), arguments)


def crash(op: Op, graph: Graph) -> str | None:
    """Interpreters multiply by 2^26 times the input's scale, and abort if that is not above 1.

    The converter gives a scale of about 2^-27 to a tensor that is zero for every sample.
    """
    source = graph.optional_input(op, 0)
    if source is None or source.dtype not in (DType.INT8, DType.UINT8) or source.quantization is None:
        return None
    scale = source.quantization.scales[0]
    if not 0 < scale * 2**26 <= 1:
        return None
    return f"gets the same input for every sample (its input has the scale {scale:.3g})"


def exponentials(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """exp(-d * scale * beta) in Q0.31 for d = 0, 1, … as long as it is at least LEAST: 1 … 256 int32 values.

    scale * beta must be above 2^-26. TFLM: PreprocessSoftmaxScaling and CalculateInputRadius in
    kernels/internal/quantization_util.cc, then the loop over a row of Softmax in reference/softmax.h.
    """
    fraction_bits = 31 - DIFFERENCE_BITS
    multiplier, shift = quantize_multiplier(min(beta * scale * (1 << fraction_bits), 2.0**31 - 1))
    radius = (((1 << DIFFERENCE_BITS) - 1) << fraction_bits) >> shift
    table: list[int] = []
    for difference in range(min(radius, 255) + 1):
        scaled = saturating_rounding_doubling_high_mul(-difference << shift, multiplier)
        exponential = exp_on_negative_values(scaled, DIFFERENCE_BITS)
        if exponential < LEAST:
            break
        table.append(exponential)
    return np.array(table, np.int32)


OPERATOR = Operator(
    summary="probabilities along the last dimension",
    types=tuple(dtype.value for dtype in TYPES),
    check=check,
    variants=portable(call),
    parse=parse,
    fixed_range=True,
    crash=crash,
    left_out_by_tflm=takes_no_uint8,
)
