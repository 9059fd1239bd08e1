"""What CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED share: the types they compute in and the end of their calls.

A kernel's arguments are input, weights, bias, whatever its types ask for, output.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, Constant, DType, Graph, KernelCall, Op, Scratch, Tensor, TensorRef
from . import _quantized as q

# (input and output, weights) → variant
TYPES = {
    (DType.INT8, DType.INT8): "int8",
    (DType.FLOAT32, DType.FLOAT32): "float32",
    (DType.FLOAT32, DType.FLOAT16): "float16",
    (DType.FLOAT32, DType.INT8): "dynamic",
}
VARIANTS = tuple(TYPES.values())
BIAS = {
    "int8": (DType.INT32,),
    "float32": (DType.FLOAT32,),
    "float16": (DType.FLOAT16,),
    "dynamic": (DType.FLOAT32,),
}


def variant(op: Op, graph: Graph) -> str:
    """Which of TYPES an operator computes in. Raises UnsupportedModel for any other combination."""
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    q.check_types(op, source, output, allowed={activation for activation, _ in TYPES})
    q.check_types(op, weights, allowed=dict.fromkeys(weights for _, weights in TYPES))
    found = TYPES.get((source.dtype, weights.dtype))
    if found is None:
        raise UnsupportedModel(
            f"{op.where}: there is no kernel for the input {q.describe(source)} with the weights "
            f"{q.describe(weights)}; quantize with --mode int8 or --mode float32"
        )
    return found


def check(op: Op, graph: Graph, channels: int, *, axis: int, symmetric: bool = True) -> None:
    """Types, bias and quantization; raises ModelError or UnsupportedModel.

    ``axis`` is the weights' dimension of output channels. ``symmetric``: int8 weights have no zero point.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    kind = variant(op, graph)
    q.check_bias(op, bias, channels, *BIAS[kind])
    activation = op.attributes.activation
    if kind == "int8":
        q.check_per_tensor(op, source, output)
        q.check_filter(op, weights, axis=axis, symmetric=symmetric)
        q.channel_multipliers(op, source, weights, output, channels)
        q.int8_activation_range(op, output, activation)
    elif kind == "float16":
        for tensor in (weights, bias):
            _check_finite(op, tensor)
    elif kind == "dynamic":
        q.check_filter(op, weights, axis=axis)


def _check_finite(op: Op, tensor: Tensor | None) -> None:
    """Raises ModelError for float16 constants with an infinity or NaN, which the kernels take for numbers."""
    if tensor is not None and (tensor.data is None or not np.all(np.isfinite(tensor.data))):
        raise ModelError(
            f"{op.where}: {q.describe(tensor)} must be a constant of finite numbers; a weight beyond 65,504 becomes "
            f"infinite in float16, so use --mode float32"
        )


def check_scale_per_channel(op: Op, weights: Tensor, channels: int) -> None:
    """Raises UnsupportedModel for one weight scale where LiteRT's hybrid kernel reads one per output channel."""
    assert weights.quantization is not None
    if len(weights.quantization.scales) != channels:
        raise UnsupportedModel(
            f"{op.where}: weights {q.describe(weights)} have one scale where LiteRT's hybrid kernel reads "
            f"{channels}; convert the model again with TensorFlow 2.21, which quantizes them per channel"
        )


def call(
    op: Op,
    graph: Graph,
    params_type: str,
    params: Mapping[str, Any],
    channels: int,
    *,
    row: int,
    row_is_symmetric: bool = False,
    offsets: Mapping[str, int] | None = None,
) -> KernelCall:
    """The kernel call; after check().

    ``params_type`` is the C++ struct's name without the type and ``Params``, ``params`` its geometry. ``row`` is how
    many input elements a hybrid kernel quantizes together, and whether symmetrically. ``offsets`` go between an int8
    kernel's input and output offset.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    kind, kernel, activation = variant(op, graph), op.kind.lower(), op.attributes.activation
    arguments: tuple[Argument, ...] = (
        TensorRef(source.index),
        TensorRef(weights.index),
        TensorRef(bias.index if bias else None),
    )
    result = TensorRef(output.index)
    if kind == "int8":
        multipliers, shifts = q.channel_multipliers(op, source, weights, output, channels)
        low, high = q.int8_activation_range(op, output, activation)
        numbers = {
            "input_offset": -source.zero_point,
            **(offsets or {}),
            "output_offset": output.zero_point,
            "activation_min": low,
            "activation_max": high,
        }
        arguments += (Constant("multipliers", multipliers), Constant("shifts", shifts), result)
        return KernelCall(f"{kernel}.h", f"{kernel}_int8", f"{params_type}Int8Params", {**params, **numbers}, arguments)
    lowest, highest = q.float32_activation_range(activation)
    params = {**params, "activation_min": lowest, "activation_max": highest}
    function = f"{kernel}_{kind}"
    if kind == "dynamic":
        arguments += (Constant("scales", channel_scales(weights, channels)), Scratch(row))
        function = f"{kernel}_hybrid_symmetric" if row_is_symmetric else f"{kernel}_hybrid"
    return KernelCall(f"{kernel}.h", function, f"{params_type}Float32Params", params, (*arguments, result))


def channel_scales(weights: Tensor, channels: int) -> Any:
    """The weights' scales as a float32 array, one per output channel."""
    assert weights.quantization is not None
    return np.broadcast_to(np.array(weights.quantization.scales, np.float32), (channels,)).copy()
