"""Shared by CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: their types, and their kernels' type-specific arguments.

A kernel's arguments are input, weights, bias, the type-specific ones, output.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...cores import Core
from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, Constant, DType, Graph, KernelCall, Op, Params, Read, Scratch, Tensor, Write
from ..operator import Operator, Variant
from . import _quantized as q
from ._channels import Sums
from ._specification import takes_no_uint8

# (input and output, weights) → variant
TYPES = {
    (DType.INT8, DType.INT8): "int8",
    (DType.FLOAT32, DType.FLOAT32): "float32",
    (DType.FLOAT32, DType.FLOAT16): "float16",
    (DType.FLOAT32, DType.INT8): "dynamic",
    (DType.INT16, DType.INT8): "int16x8",
    (DType.UINT8, DType.UINT8): "uint8",
    (DType.INT8, DType.INT4): "int4",
    (DType.FLOAT32, DType.INT4): "dynamic int4",
}
# Limits of TFLM's rescaling of 48-bit sums: MultiplyByQuantizedMultiplier for int64_t in TFLM's common.cc.
MAX_BIAS = 1 << 46
MAX_INT16_SHIFT = 7
IN_DOUBLE = ("FULLY_CONNECTED",)
NAMES = tuple(TYPES.values())
WITHOUT_INT4 = tuple(name for (_, weights), name in TYPES.items() if weights is not DType.INT4)
BIAS = {
    "int8": (DType.INT32,),
    "float32": (DType.FLOAT32,),
    "float16": (DType.FLOAT16,),
    "dynamic": (DType.FLOAT32,),
    "int16x8": (DType.INT32, DType.INT64),
    "uint8": (DType.INT32,),
    "int4": (DType.INT32,),
    "dynamic int4": (DType.FLOAT32,),
}


def types(op: Op, graph: Graph, allowed: Sequence[str] = NAMES) -> str:
    """The operator's entry of TYPES. Raises UnsupportedModel if it is not among ``allowed``."""
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    q.check_types(op, source, output, allowed={activation for activation, _ in TYPES})
    q.check_types(op, weights, allowed=dict.fromkeys(weights for _, weights in TYPES))
    found = TYPES.get((source.dtype, weights.dtype))
    if found is None or found not in allowed:
        raise UnsupportedModel(
            f"{op.where}: no kernel combines the input {q.describe(source)} with the weights "
            f"{q.describe(weights)}; try --mode int8 or --mode float32"
        )
    return found


def check(op: Op, graph: Graph, channels: int, *, axis: int, symmetric: bool = True) -> None:
    """Checks types, bias and quantization; raises ModelError or UnsupportedModel.

    ``axis`` is the weights' dimension of output channels. ``symmetric``: int8 weights must have zero point 0.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    kind = types(op, graph)
    q.check_bias(op, bias, channels, *BIAS[kind])
    activation = op.attributes.activation
    if kind in ("int8", "int4"):
        q.check_per_tensor(op, source, output)
        q.check_filter(op, weights, axis=axis, symmetric=symmetric)
        q.channel_multipliers(op, source, weights, output, channels)
        q.integer_activation_range(op, output, activation)
    elif kind == "int16x8":
        q.check_per_tensor(op, source, output)
        q.check_filter(op, weights, axis=axis)
        _check_wide(op, source, weights, bias, output, channels)
        q.integer_activation_range(op, output, activation)
    elif kind == "uint8":
        q.check_per_tensor(op, source, weights, output)
        _uint8_multiplier(op, source, weights, output)
        q.integer_activation_range(op, output, activation)
    elif kind == "float16":
        for tensor in (weights, bias):
            _check_finite(op, tensor)
    elif kind in ("dynamic", "dynamic int4"):
        q.check_filter(op, weights, axis=axis)


def _check_wide(op: Op, source: Tensor, weights: Tensor, bias: Tensor | None, output: Tensor, channels: int) -> None:
    """Raises UnsupportedModel if an int16 layer exceeds TFLM's 64-bit arithmetic."""
    _, shifts = q.channel_multipliers(op, source, weights, output, channels)
    if not sums_32_bits(op, bias) and shifts.max() > MAX_INT16_SHIFT:
        raise UnsupportedModel(
            f"{op.where}: input scale times weight scale is more than {1 << MAX_INT16_SHIFT} times the output scale, "
            f"too much for int16 kernels; convert the model again with a representative data set"
        )
    if bias is None or bias.dtype is DType.INT32:
        return
    if bias.data is None or np.abs(bias.data).max(initial=0) >= MAX_BIAS:
        raise UnsupportedModel(
            f"{op.where}: bias {q.describe(bias)} must be a constant below 2^46 in magnitude; convert the model again "
            f"with a representative data set"
        )


def _uint8_multiplier(op: Op, source: Tensor, weights: Tensor, output: Tensor) -> tuple[int, int]:
    """(multiplier, shift): input scale * weight scale / output scale, of which LiteRT multiplies the first two in
    float32, except for dense layers: GetQuantizedConvolutionMultipler in tensorflow/lite/kernels/kernel_util.cc."""
    product = source.scale * weights.scale
    return q.multiplier_and_shift(op, (product if op.kind in IN_DOUBLE else float(np.float32(product))) / output.scale)


def sums_32_bits(op: Op, bias: Tensor | None) -> bool:
    """Whether TFLM sums an int16 layer in 32 bits: its bias is int32, or would be if it had one."""
    if bias is not None:
        return bias.dtype is DType.INT32
    return bool(getattr(op.attributes, "bias_is_int32", False))


def _check_finite(op: Op, tensor: Tensor | None) -> None:
    """Raises ModelError for float16 constants with infinities or NaNs, which the kernels would treat as numbers."""
    if tensor is not None and (tensor.data is None or not np.all(np.isfinite(tensor.data))):
        raise ModelError(
            f"{op.where}: {q.describe(tensor)} must be a constant without infinities or NaNs; weights beyond 65,504 "
            f"become infinite in float16, so try --mode float32"
        )


def check_scale_per_channel(op: Op, weights: Tensor, channels: int) -> None:
    """Raises UnsupportedModel for per-tensor weights, where LiteRT's hybrid kernel reads a scale per channel."""
    assert weights.quantization is not None
    if len(weights.quantization.scales) != channels:
        raise UnsupportedModel(
            f"{op.where}: weights {q.describe(weights)} have one scale, but LiteRT's hybrid kernel reads {channels}; "
            f"convert the model again with TensorFlow 2.21, which quantizes them per channel"
        )


def call(
    op: Op,
    graph: Graph,
    struct: str,
    geometry: Mapping[str, Any],
    channels: int,
    *,
    trails: Mapping[int, int],
    row: int,
    row_is_symmetric: bool = False,
    offsets: Mapping[str, int] | None = None,
) -> KernelCall:
    """The call of the portable kernel; requires check().

    ``struct`` is the name of the C++ params struct without its type and the suffix ``Params``, ``geometry`` its first
    fields. ``trails`` is the output's. ``row`` is the number of input elements that a hybrid kernel quantizes together.
    ``offsets`` are inserted between an int8 kernel's input and output offset.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    kind, kernel, activation = types(op, graph), op.kind.lower(), op.attributes.activation
    arguments: tuple[Argument, ...] = (
        Read(source.index),
        Constant("weights", pack_int4(weights.data), weights.index)
        if weights.dtype is DType.INT4
        else Read(weights.index),
        Read(bias.index if bias else None),
    )
    # Weights that are the input, too, are needed until the end.
    result = Write(output.index, trails if weights.index != source.index else {})
    if kind in ("int8", "int4"):
        multipliers, shifts = q.channel_multipliers(op, source, weights, output, channels)
        low, high = q.integer_activation_range(op, output, activation)
        numbers = {
            "input_offset": -source.zero_point,
            **(offsets or {}),
            "output_offset": output.zero_point,
            "activation_min": low,
            "activation_max": high,
        }
        arguments += (Constant("multipliers", multipliers), Constant("shifts", shifts), result)
        params = Params(f"{struct}Int8Params", {**geometry, **numbers})
        return KernelCall(f"{kernel}.h", f"{kernel}_{kind}", (params,), arguments, by_rows=kind == "int8")
    if kind == "int16x8":
        low, high = q.integer_activation_range(op, output, activation)
        params = Params(f"{struct}Int16Params", {**geometry, "activation_min": low, "activation_max": high})
        multipliers, shifts = q.channel_multipliers(op, source, weights, output, channels)
        products = weights.elements // channels
        sums = "uint32_t" if products * 127 << 15 < 1 << 31 else "int64_t"
        if sums_32_bits(op, bias):
            sums = "uint32_t"
        else:
            multipliers, shifts = int16_multipliers(multipliers, shifts)
        arguments += (Constant("multipliers", multipliers), Constant("shifts", shifts), result)
        template = (sums, "int64_t" if bias and bias.dtype is DType.INT64 else "int32_t")
        return KernelCall(f"{kernel}.h", f"{kernel}_int16", (params,), arguments, template)
    if kind == "uint8":
        multiplier, shift = _uint8_multiplier(op, source, weights, output)
        low, high = q.integer_activation_range(op, output, activation)
        numbers = {
            "input_offset": -source.zero_point,
            "output_offset": output.zero_point,
            "activation_min": low,
            "activation_max": high,
            "filter_offset": -weights.zero_point,
            "multiplier": multiplier,
            "shift": shift,
        }
        params = Params(f"{struct}Uint8Params", {**geometry, **numbers})
        return KernelCall(f"{kernel}.h", f"{kernel}_uint8", (params,), (*arguments, result), by_rows=True)
    lowest, highest = q.float32_activation_range(activation)
    params = Params(f"{struct}Float32Params", {**geometry, "activation_min": lowest, "activation_max": highest})
    function = f"{kernel}_{kind}"
    if kind in ("dynamic", "dynamic int4"):
        arguments += (
            Constant("scales", channel_scales(weights, channels)),
            Scratch(row, f"{kernel}_hybrid_scratch_bytes"),
        )
        function = f"{kernel}_hybrid{'_symmetric' * row_is_symmetric}{'_int4' * (weights.dtype is DType.INT4)}"
    return KernelCall(f"{kernel}.h", function, (params,), (*arguments, result))


def int16_multipliers(multipliers: Any, shifts: Any) -> tuple[Any, Any]:
    """The multipliers, reduced to 15 bits, and right shifts that TFLM uses for 64-bit sums; int16 and int8 arrays.

    TFLM: MultiplyByQuantizedMultiplier for int64_t in tensorflow/lite/kernels/internal/common.cc.
    """
    reduced = np.where(multipliers < 0x7FFF0000, (multipliers.astype(np.int64) + (1 << 15)) >> 16, 0x7FFF)
    return reduced.astype(np.int16), (15 - shifts).astype(np.int8)


def pack_int4(values: Any) -> Any:
    """Numbers -8 … 7, two per byte, the first in the low nibble, as in a .tflite; uint8."""
    halves = np.append(values.ravel(), np.zeros(values.size % 2, np.int8)).view(np.uint8) & 15
    return halves[::2] | halves[1::2] << 4


def channel_scales(weights: Tensor, channels: int) -> Any:
    """The weights' scales as a float32 array, one per output channel."""
    assert weights.quantization is not None
    return np.broadcast_to(np.array(weights.quantization.scales, np.float32), (channels,)).copy()


def operator(
    summary: str,
    *,
    types: Sequence[str],
    check: Callable[[Op, Graph], None],
    variants: tuple[Variant, ...],
    parse: Callable[[Any], Any],
    channels: Sums,
    leaves: tuple[str, ...],
) -> Operator:
    """The Operator of any of the three, with what they have in common filled in."""

    def macs(op: Op, graph: Graph) -> int:
        """Each output element is a dot product with the weights of one output channel; 0 without weights."""
        return graph.output(op).elements * filter_elements(op, graph)

    def filter_elements(op: Op, graph: Graph) -> int:
        weights = graph.optional_input(op, 1)
        if weights is None:
            return 0
        count = weights.shape[channels.axis] if channels.axis < len(weights.shape) else 1
        return weights.elements // max(count, 1)

    def vendor_scratch(op: Op, graph: Graph, core: Core) -> int:
        """Two columns of 16-bit inputs and a sum per output channel (CMSIS-NN), or copies of the input and the weights
        (ESP-NN on cores with its assembly; its generic kernels need nothing)."""
        source, weights, output = graph.optional_input(op, 0), graph.optional_input(op, 1), graph.output(op)
        if source is None or weights is None:
            return 0
        per_channel = weights.elements if channels.reads_one_channel else filter_elements(op, graph)
        sums = 4 * math.prod(output.shape[-1:])  # 4 bytes for a scalar
        copies = 2 * (source.bytes + weights.bytes) if core.architecture == "xtensa-lx7" else 0
        return max(2 * 2 * per_channel + sums, copies)

    return Operator(
        summary=summary,
        types=tuple(types),
        check=check,
        variants=variants,
        parse=parse,
        roles={1: "weights", 2: "bias"},
        channel_axis=channels.axis,
        macs=macs,
        channels=channels,
        leaves=leaves,
        vendor_scratch=vendor_scratch,
        left_out_by_tflm=takes_no_uint8,
    )
