"""What the operators that keep, move or rescale single elements share."""

import math
from collections.abc import Sequence

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Op, Tensor
from ._quantized import INTEGER_LIMITS, describe, multiplier_and_shift


def check_quantized(op: Op, tensor: Tensor) -> None:
    """Raises ModelError unless an integer tensor has one positive scale and a zero point that its type holds."""
    low, high = INTEGER_LIMITS[tensor.dtype]
    quantization = tensor.quantization
    if (
        quantization is None
        or len(quantization.scales) != 1
        or not (math.isfinite(quantization.scales[0]) and quantization.scales[0] > 0)
        or not low <= tensor.zero_point <= high
    ):
        raise ModelError(
            f"{op.where}: tensor {describe(tensor)} needs one positive quantization scale and a zero point of "
            f"{low} … {high}; convert the model again with a representative data set"
        )


def check_not_empty(op: Op, *tensors: Tensor) -> None:
    """Raises ModelError if a tensor has no elements."""
    for tensor in tensors:
        if tensor.elements == 0:
            raise ModelError(f"{op.where}: tensor {describe(tensor)} has no elements; convert the model again")


def check_probability_quantization(op: Op, output: Tensor) -> None:
    """Raises UnsupportedModel unless an output has the quantization that kernels for 0 … 1 give.

    That is scale 1/256 and zero point -128 for int8, 1/32768 and 0 for int16.
    """
    steps, zero_point = (256, -128) if output.dtype is DType.INT8 else (32768, 0)
    if output.scale != 1 / steps or output.zero_point != zero_point:
        raise UnsupportedModel(
            f"{op.where}: {describe(output)} has scale {output.scale:.6g} and zero point {output.zero_point} where the "
            f"kernel gives 1/{steps} and {zero_point}, as TFLite's quantization specification says; convert the model "
            f"again"
        )


def rescale(op: Op, real: float, largest: int) -> tuple[int, int]:
    """Multiplier and shift for the factor ``real`` on integers of at most ``largest`` in magnitude.

    Raises UnsupportedModel where the kernel's 32 bits would overflow.
    """
    multiplier, shift = multiplier_and_shift(op, real)
    if largest << max(shift, 0) >= 2**31:
        raise UnsupportedModel(
            f"{op.where}: its input scale is {real:.3g} times its output scale, more than 32-bit arithmetic holds; "
            f"convert the model again with a representative data set that has the range of real inputs"
        )
    return multiplier, shift


def resolve_axis(op: Op, axis: int, rank: int) -> int:
    """A dimension number, where negative ones count from the end, as 0 … rank-1; raises ModelError outside of them."""
    if not -rank <= axis < rank:
        raise ModelError(
            f"{op.where}: axis {axis} does not exist in a tensor of {rank} dimensions; convert the model again"
        )
    return axis % rank


def constant_int32(op: Op, tensor: Tensor, what: str) -> list[int]:
    """The elements of a constant int32 tensor, flat; raises UnsupportedModel if it is computed or of another type."""
    if tensor.data is None or tensor.dtype is not DType.INT32:
        state = "computed while the model runs" if tensor.data is None else "not int32"
        raise UnsupportedModel(
            f"{op.where}: its {what} {describe(tensor)} are {state}; make them constant int32 numbers in "
            f"the Keras model"
        )
    return [int(value) for value in tensor.data.flat]


def pad_front(values: Sequence[int], length: int, fill: int) -> tuple[int, ...]:
    """``values`` with ``fill`` in front until there are ``length``."""
    return (fill,) * (length - len(values)) + tuple(values)
