"""LOG_SOFTMAX along the last dimension: logarithms of the probabilities.

As in SOFTMAX, the int8 kernel looks up its exponentials in a table, since an element differs from its row's maximum by
at most 255 steps.
"""

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._fixed_point import (
    exp_on_negative_values,
    rounding_divide_by_power_of_two,
    saturating_rounding_doubling_high_mul,
)
from ._order import elementwise
from ._quantized import check_not_empty, check_not_scalar, describe, quantize_multiplier
from ._unary import check_unary

DIFFERENCE_BITS = 5  # integer bits of a scaled difference: Q5.26
SUM_BITS = 12  # integer bits of a row's sum: Q12.19
LARGEST_DEPTH = 4095


def check(op: Op, graph: Graph) -> None:
    dtype = check_unary(op, graph, (DType.INT8, DType.FLOAT32))
    source, output = graph.input(op, 0), graph.output(op)
    check_not_empty(op, source)
    check_not_scalar(op, source)
    if dtype is DType.FLOAT32:
        return
    if (output.scale, output.zero_point) != (1 / 16, 127):
        raise UnsupportedModel(
            f"{op.where}: {describe(output)} has scale {output.scale:.6g} and zero point {output.zero_point}, but "
            f"TFLite's quantization specification requires 1/16 and 127; convert the model again"
        )
    if source.shape[-1] > LARGEST_DEPTH:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has {source.shape[-1]} classes, but the int8 kernel takes at most "
            f"{LARGEST_DEPTH}; try --mode float32"
        )
    if not source.scale * 2 ** (31 - DIFFERENCE_BITS) > 1:
        raise UnsupportedModel(
            f"{op.where}: the scale {source.scale:.3g} of {describe(source)} is too small for the kernel; convert the "
            f"model again with a representative data set"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    depth = source.shape[-1]
    fields = {"rows": source.elements // depth, "depth": depth}
    first, last = Read(source.index), Write(output.index, elementwise(op, graph))
    if source.dtype is DType.FLOAT32:
        params = Params("LogSoftmaxFloat32Params", fields)
        return KernelCall("log_softmax.h", "log_softmax_float32", (params,), (first, last))
    (multiplier, shift), (reverse, reverse_shift) = _multipliers(source.scale)
    table = exponentials(source.scale)
    fields |= {
        "multiplier": multiplier,
        "shift": shift,
        "reverse_multiplier": reverse,
        "reverse_shift": reverse_shift,
        "radius": _radius(shift),
        "table_size": len(table),
    }
    params = Params("LogSoftmaxInt8Params", fields)
    return KernelCall("log_softmax.h", "log_softmax_int8", (params,), (first, Constant("exponentials", table), last))


def _multipliers(scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """(multiplier, shift) from a difference to Q5.26, and back.

    TFLM: PreprocessLogSoftmaxScalingExp in kernels/internal/quantization_util.cc.
    """
    multiplier, shift = quantize_multiplier(min(scale * (1 << (31 - DIFFERENCE_BITS)), 2.0**31 - 1))
    return (multiplier, shift), quantize_multiplier((1 << (31 - shift)) / multiplier)


def _radius(shift: int) -> int:
    """The largest difference that is not negligible; TFLM: CalculateInputRadius."""
    return (((1 << DIFFERENCE_BITS) - 1) << (31 - DIFFERENCE_BITS)) >> shift


def exponentials(scale: float) -> npt.NDArray[np.int32]:
    """exp(-d * scale) in Q12.19 for d = 0, 1, … until it is negligible: at most 256 values; scale above 2^-26.

    TFLM: LogSoftmaxQuantized in reference/log_softmax.h.
    """
    (multiplier, shift), _ = _multipliers(scale)
    scaled = (
        saturating_rounding_doubling_high_mul(-difference << shift, multiplier)
        for difference in range(min(_radius(shift), 255) + 1)
    )
    table = [
        rounding_divide_by_power_of_two(exp_on_negative_values(each, DIFFERENCE_BITS), SUM_BITS) for each in scaled
    ]
    return np.array([each for each in table if each], np.int32)


OPERATOR = Operator(
    summary="log probabilities along the last dimension",
    types=("int8", "float32"),
    check=check,
    variants=portable(call),
)
