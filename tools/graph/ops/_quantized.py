"""Shared by the operator modules: checks of quantized tensors, and the numbers in kernel calls.

The numbers must equal TensorFlow Lite Micro's, so every formula names its source there. Quantization is TFLite's:
real = scale * (quantized - zero_point), see https://ai.google.dev/edge/litert/models/quantization_spec.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Op, Tensor

INT8_MIN, INT8_MAX = -128, 127
INTEGER_LIMITS = {DType.INT8: (INT8_MIN, INT8_MAX), DType.UINT8: (0, 255), DType.INT16: (-32768, 32767)}
COMPUTED = (DType.FLOAT32, DType.INT8, DType.INT16)  # types of activations
INTEGERS = (DType.INT8, DType.INT16, DType.UINT8)  # those with a scale
FLOAT32_MAX = float(np.finfo(np.float32).max)
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


# --- for parse() ------------------------------------------------------------------------------------------------------


def options(operator: Any, table_class: Any) -> Any:
    """The operator's options as an instance of a schema class (``tflite.Conv2DOptions``).

    Raises ModelError if the file has no options of this class; read.py adds the operator to the message.
    """
    kind = table_class.__name__
    table = operator.BuiltinOptions()
    if table is None or operator.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, kind):
        raise ModelError(f"its {kind} are missing, so it cannot be computed; convert the model again")
    result = table_class()
    result.Init(table.Bytes, table.Pos)
    return result


def enum_name(enum: Any, value: int) -> str:
    """The schema's name of an enum value (``RELU6``), or ``unknown (99)``."""
    for name, number in vars(enum).items():
        if number == value and not name.startswith("_"):
            return str(name)
    return f"unknown ({value})"


def activation_name(value: int) -> str:
    """Name of a fused activation; check_activation() later rejects unsupported ones."""
    return enum_name(tflite.ActivationFunctionType, value)


# --- checks -----------------------------------------------------------------------------------------------------------


def describe(tensor: Tensor) -> str:
    """A tensor as errors name it: ``'conv/bias' (int32, 4x8)``."""
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    return f"{tensor.name!r} ({tensor.dtype.value}, {shape})"


def check_arity(op: Op, inputs: Iterable[int], outputs: int = 1) -> None:
    """Raises ModelError unless the operator has an allowed number of inputs and exactly ``outputs`` outputs."""
    allowed = tuple(inputs)
    if len(op.inputs) not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ModelError(f"{op.where}: has {len(op.inputs)} inputs, but needs {wanted}; convert the model again")
    if len(op.outputs) != outputs:
        raise ModelError(f"{op.where}: has {len(op.outputs)} outputs, but needs {outputs}; convert the model again")


def check_present(op: Op, *positions: int) -> None:
    """Raises ModelError if a required input is absent."""
    for position in positions:
        if position >= len(op.inputs) or op.inputs[position] is None:
            raise ModelError(f"{op.where}: input {position} is absent but required; convert the model again")


def check_rank(op: Op, tensor: Tensor, rank: int) -> None:
    """Raises UnsupportedModel unless a tensor has ``rank`` dimensions."""
    if len(tensor.shape) != rank:
        raise UnsupportedModel(
            f"{op.where}: tensor {describe(tensor)} has {len(tensor.shape)} dimensions, but the kernel takes {rank}; "
            f"reshape it in the Keras model"
        )


def check_not_empty(op: Op, *tensors: Tensor) -> None:
    """Raises ModelError if a tensor has no elements."""
    for tensor in tensors:
        if tensor.elements < 1:
            raise ModelError(f"{op.where}: tensor {describe(tensor)} has no elements; convert the model again")


def check_not_scalar(op: Op, tensor: Tensor) -> None:
    """Raises ModelError for a tensor without dimensions."""
    if not tensor.shape:
        raise ModelError(
            f"{op.where}: {describe(tensor)} is a scalar without a last dimension; convert the model again"
        )


def check_shape(op: Op, tensor: Tensor, expected: Sequence[int]) -> None:
    """Raises ModelError unless a tensor has the shape that its operator computes."""
    if tensor.shape != tuple(expected):
        wanted = "x".join(map(str, expected))
        raise ModelError(f"{op.where}: tensor {describe(tensor)} should be {wanted}; convert the model again")


def check_types(op: Op, *tensors: Tensor, allowed: Iterable[DType] = COMPUTED) -> DType:
    """The common type of ``tensors``; raises UnsupportedModel if they differ or the type is not among ``allowed``."""
    first, known = tensors[0], tuple(allowed)
    for tensor in tensors:
        if tensor.dtype not in known:
            raise UnsupportedModel(
                f"{op.where}: tensor {describe(tensor)} has a type without a kernel; "
                f"kernels take {' or '.join(t.value for t in known)}: try --mode int8 or --mode float32"
            )
    for tensor in tensors:
        if tensor.dtype is not first.dtype:
            raise UnsupportedModel(
                f"{op.where}: mixes {describe(first)} with {describe(tensor)}, a combination without a kernel; "
                f"try --mode int8 or --mode float32"
            )
    return first.dtype


def check_activation(op: Op, activation: str) -> None:
    """Raises UnsupportedModel for a fused activation other than NONE, RELU, RELU6 and RELU_N1_TO_1."""
    if activation not in ACTIVATIONS:
        raise UnsupportedModel(
            f"{op.where}: the fused activation {activation} has no kernel (supported: {', '.join(ACTIVATIONS)}); "
            f"make it a layer of its own in the Keras model"
        )


def _check_scale(op: Op, tensor: Tensor, scale: float) -> None:
    if not (math.isfinite(scale) and scale > 0):
        raise ModelError(
            f"{op.where}: tensor {describe(tensor)} has the quantization scale {scale!r}, which must be a positive "
            f"number; convert the model again with a representative data set"
        )


def check_per_tensor(op: Op, *tensors: Tensor) -> None:
    """Raises unless each tensor has one positive finite scale and a zero point of its type's range, 0 for int16.

    ModelError for missing or invalid numbers, UnsupportedModel for per-channel quantization of an activation.
    """
    for tensor in tensors:
        quantization = tensor.quantization
        if quantization is None or not quantization.scales or not quantization.zero_points:
            raise ModelError(
                f"{op.where}: tensor {describe(tensor)} has no quantization parameters; convert the model again with a "
                f"representative data set"
            )
        if quantization.per_channel:
            raise UnsupportedModel(
                f"{op.where}: tensor {describe(tensor)} is quantized per channel, but kernels take one scale; "
                f"quantize activations per tensor"
            )
        _check_scale(op, tensor, quantization.scales[0])
        if tensor.dtype is DType.INT16 and quantization.zero_points[0] != 0:
            raise UnsupportedModel(
                f"{op.where}: tensor {describe(tensor)} has the zero point {quantization.zero_points[0]}, but TFLite's "
                f"quantization specification requires 0 for int16; convert the model again"
            )
        low, high = INTEGER_LIMITS.get(tensor.dtype, (INT8_MIN, INT8_MAX))
        if not low <= quantization.zero_points[0] <= high:
            raise ModelError(
                f"{op.where}: tensor {describe(tensor)} has the zero point {quantization.zero_points[0]}, outside "
                f"{low} … {high}; convert the model again"
            )


def check_filter(op: Op, weights: Tensor, axis: int, *, symmetric: bool = True) -> None:
    """Raises unless int8 weights are quantized per tensor or per channel along ``axis``.

    With ``symmetric``, every zero point must be 0, as TFLite's quantization specification requires and TFLM's kernels
    assume without a check. Otherwise, a per-tensor zero point may be any int8.
    """
    quantization = weights.quantization
    if quantization is None or not quantization.scales:
        raise ModelError(f"{op.where}: weights {describe(weights)} have no quantization parameters; convert again")
    for scale in quantization.scales:
        if scale != 0 or not quantization.per_channel:  # an all-zero filter may have scale 0: its multiplier is 0
            _check_scale(op, weights, scale)
    if quantization.per_channel:
        channels = weights.shape[axis]
        if quantization.axis % len(weights.shape) != axis or len(quantization.scales) != channels:
            raise ModelError(
                f"{op.where}: weights {describe(weights)} have {len(quantization.scales)} scales along axis "
                f"{quantization.axis}, not one per output channel ({channels} along axis {axis}); convert again"
            )
    if (symmetric or quantization.per_channel) and any(quantization.zero_points):
        raise UnsupportedModel(
            f"{op.where}: weights {describe(weights)} have a zero point other than 0, which no kernel applies; "
            f"quantize weights symmetrically"
        )
    if not all(INT8_MIN <= zero_point <= INT8_MAX for zero_point in quantization.zero_points):
        raise ModelError(f"{op.where}: weights {describe(weights)} have a zero point outside -128 … 127; convert again")


def check_bias(op: Op, bias: Tensor | None, channels: int, *dtypes: DType) -> None:
    """Raises unless the bias is absent or has one value per output channel, of one of ``dtypes``.

    ModelError for the number of values, UnsupportedModel for their type.
    """
    if bias is None:
        return
    check_types(op, bias, allowed=dtypes)
    if bias.elements != channels:
        raise ModelError(
            f"{op.where}: bias {describe(bias)} does not have one value per output channel ({channels}); "
            f"convert the model again"
        )


# --- numbers ----------------------------------------------------------------------------------------------------------


def round_half_away(value: float) -> int:
    """std::round, TFLM's TfLiteRound: to nearest, ties away from zero. Exact for |value| below 2^52."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """``real`` (finite, not negative) as the nearest multiplier * 2^(shift - 31), returned as (multiplier, shift).

    multiplier is 0 or 2^30 … 2^31-1; below about 2^-32 both are 0. TFLM: QuantizeMultiplier in
    tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * (1 << 31))
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def multiplier_and_shift(op: Op, real: float) -> tuple[int, int]:
    """quantize_multiplier() for a kernel: shift is -31 … 30, as MultiplyByQuantizedMultiplier requires.

    Raises UnsupportedModel if the operator's scales are too far apart.
    """
    if 0 <= real < 2**31:
        multiplier, shift = quantize_multiplier(real)
        if shift <= 30:
            return multiplier, shift
    raise UnsupportedModel(
        f"{op.where}: its quantization scales require a multiplication by {real:.3g}, beyond 2^30; convert the "
        f"model again with a representative data set that covers the range of real inputs"
    )


def channel_multiplier(op: Op, source: Tensor, scale: float, output: Tensor) -> tuple[int, int]:
    """(multiplier, shift) of an output channel whose weights have this scale. Raises like multiplier_and_shift()."""
    return multiplier_and_shift(op, source.scale * scale / output.scale)


def channel_multipliers(op: Op, source: Tensor, weights: Tensor, output: Tensor, channels: int) -> tuple[Any, Any]:
    """int32 arrays (multipliers, shifts), one per output channel: input scale * weight scale / output scale.

    TFLM: PopulateConvolutionQuantizationParams in tensorflow/lite/kernels/kernel_util.cc, in double precision; a
    single weight scale is broadcast. Raises like multiplier_and_shift().
    """
    assert weights.quantization is not None
    scales = weights.quantization.scales
    pairs = [channel_multiplier(op, source, scale, output) for scale in scales]
    if len(pairs) == 1:
        pairs *= channels
    return np.array([p[0] for p in pairs], np.int32), np.array([p[1] for p in pairs], np.int32)


def integer_activation_range(op: Op, output: Tensor, activation: str) -> tuple[int, int]:
    """Smallest and largest integer output under a fused activation.

    TFLM: CalculateActivationRangeQuantized in tensorflow/lite/kernels/kernel_util.cc, which divides in float32. Raises
    ModelError if the output scale is so small that a bound exceeds 32 bits.
    """
    limits: tuple[float | None, float | None] = {
        "NONE": (None, None),
        "RELU": (0.0, None),
        "RELU6": (0.0, 6.0),
        "RELU_0_TO_1": (0.0, 1.0),
        "RELU_N1_TO_1": (-1.0, 1.0),
    }[activation]

    def quantized(real: float) -> int:
        with np.errstate(over="ignore"):
            steps = float(np.float32(real) / np.float32(output.scale))
        if abs(steps) >= 2**31 - 256:  # would overflow 32 bits with the zero point added
            raise ModelError(
                f"{op.where}: tensor {describe(output)} has the scale {output.scale:.3g}, too small for the activation "
                f"{activation}; convert the model again with a representative data set"
            )
        return output.zero_point + round_half_away(steps)

    lowest, highest = INTEGER_LIMITS[output.dtype]
    low = lowest if limits[0] is None else max(lowest, quantized(limits[0]))
    high = highest if limits[1] is None else min(highest, quantized(limits[1]))
    return low, high


def float32_activation_range(activation: str) -> tuple[float, float]:
    """Smallest and largest float32 output under a fused activation (TFLM: CalculateActivationRange)."""
    return {
        "NONE": (-FLOAT32_MAX, FLOAT32_MAX),
        "RELU": (0.0, FLOAT32_MAX),
        "RELU6": (0.0, 6.0),
        "RELU_0_TO_1": (0.0, 1.0),
        "RELU_N1_TO_1": (-1.0, 1.0),
    }[activation]
