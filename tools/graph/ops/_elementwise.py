"""Shared by operators that keep, move or rescale individual elements."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, Op, Tensor
from ._quantized import describe, multiplier_and_shift


def check_quantized(op: Op, tensor: Tensor) -> None:
    """Raises ModelError unless an integer tensor has one positive scale and a zero point in the range of its type."""
    limits = np.iinfo(tensor.dtype.numpy)
    low, high = limits.min, limits.max
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


def check_probability_quantization(op: Op, output: Tensor) -> None:
    """Raises UnsupportedModel unless an output has the quantization of kernels with results in 0 … 1.

    That is scale 1/256 and zero point -128 for int8, 0 for uint8, scale 1/32768 and zero point 0 for int16.
    """
    steps, zero_point = {DType.INT8: (256, -128), DType.UINT8: (256, 0)}.get(output.dtype, (32768, 0))
    if output.scale != 1 / steps or output.zero_point != zero_point:
        raise UnsupportedModel(
            f"{op.where}: {describe(output)} has scale {output.scale:.6g} and zero point {output.zero_point}, but "
            f"TFLite's quantization specification requires 1/{steps} and {zero_point}; convert the model again"
        )


def rescale(op: Op, real: float, largest: int) -> tuple[int, int]:
    """Multiplier and shift for the factor ``real`` on integers of at most ``largest`` in magnitude.

    Raises UnsupportedModel if the kernel's 32-bit arithmetic would overflow.
    """
    multiplier, shift = multiplier_and_shift(op, real)
    if largest << max(shift, 0) >= 2**31:
        raise UnsupportedModel(
            f"{op.where}: its input scale is {real:.3g} times its output scale, too much for 32-bit arithmetic; "
            f"convert the model again with a representative data set that covers the range of real inputs"
        )
    return multiplier, shift


def resolve_axis(op: Op, axis: int, rank: int) -> int:
    """A dimension as 0 … rank-1; a negative ``axis`` counts from the end. Raises ModelError if it is out of range."""
    if not -rank <= axis < rank:
        raise ModelError(
            f"{op.where}: axis {axis} does not exist in a tensor of {rank} dimensions; convert the model again"
        )
    return axis % rank


def constant_int32(op: Op, tensor: Tensor, what: str, *allowed: DType) -> list[int]:
    """The flattened elements of a constant tensor, int32 or one of ``allowed``; UnsupportedModel if it is computed or
    of another type."""
    if tensor.data is None or tensor.dtype not in (DType.INT32, *allowed):
        problem = "is computed while the model runs" if tensor.data is None else "is not int32"
        raise UnsupportedModel(
            f"{op.where}: {describe(tensor)}, its {what}, {problem}; make it an int32 constant in the Keras model"
        )
    return [int(value) for value in tensor.data.flat]


def constant_indices(op: Op, tensor: Tensor, what: str) -> list[int]:
    """The flattened elements of a constant int32 or int64 tensor; raises as constant_int32() does."""
    return constant_int32(op, tensor, what, DType.INT64)


def constant_arrays(op: Op, graph: Graph, names: Mapping[int, str]) -> list[npt.NDArray[np.int64]]:
    """The constant int32 or int64 inputs of an operator in their shapes, in order; ``names``: input → its name in
    messages. Raises as constant_int32() does."""
    tensors = [(graph.input(op, i), what) for i, what in sorted(names.items())]
    return [np.array(constant_indices(op, tensor, what)).reshape(tensor.shape) for tensor, what in tensors]


@contextmanager
def consistent(op: Op) -> Iterator[None]:
    """Turns the ValueError or IndexError of constants that do not fit together into a ModelError."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise ModelError(f"{op.where} contradicts itself ({error}); convert the model again") from error


def constant_axis(op: Op, tensor: Tensor, rank: int, *allowed: DType) -> int:
    """The dimension, 0 … rank-1, in a constant tensor of one number; raises as constant_int32() and resolve_axis() do,
    and ModelError for several numbers."""
    axes = constant_int32(op, tensor, "axis", *allowed)
    if len(axes) != 1:
        raise ModelError(f"{op.where}: its axis {describe(tensor)} is not a single number; convert the model again")
    return resolve_axis(op, axes[0], rank)


def pad_front(values: Sequence[int], length: int, fill: int) -> tuple[int, ...]:
    """``values``, padded with ``fill`` in front to ``length``."""
    return (fill,) * (length - len(values)) + tuple(values)
