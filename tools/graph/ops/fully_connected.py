"""FULLY_CONNECTED: graph operator → call of kernels/fully_connected.h."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, Constant, DType, Graph, KernelCall, Op, Tensor, TensorRef
from . import _quantized as q

SUMMARY = "dense layer over the last axis: fused activation; weights per tensor or per channel"
VARIANTS = ("int8", "float32")


@dataclass(frozen=True)
class Attributes:
    """FullyConnectedOptions."""

    activation: str
    weights_format: str
    keep_num_dims: bool


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    options = q.options(operator, tflite.FullyConnectedOptions)
    return Attributes(
        activation=q.activation_name(options.FusedActivationFunction()),
        weights_format=q.enum_name(tflite.FullyConnectedOptionsWeightsFormat, options.WeightsFormat()),
        keep_num_dims=bool(options.KeepNumDims()),
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless lower() has a kernel for this operator."""
    q.check_arity(op, inputs=(2, 3))
    q.check_present(op, 0, 1)
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    dtype = q.check_types(op, source, weights, output)
    attributes: Attributes = op.attributes
    q.check_activation(op, attributes.activation)
    if attributes.weights_format != "DEFAULT":
        raise UnsupportedModel(
            f"{op.where}: weights in the format {attributes.weights_format} have no kernel; convert the model again "
            f"for plain TFLite"
        )
    q.check_rank(op, weights, 2)
    q.check_not_empty(op, source, weights)
    channels, depth = weights.shape
    if source.elements % depth:
        raise ModelError(
            f"{op.where}: input {q.describe(source)} does not split into rows of {depth}, the width of weights "
            f"{q.describe(weights)}; convert the model again"
        )
    rows = source.elements // depth
    if attributes.keep_num_dims:
        q.check_shape(op, output, (*source.shape[:-1], channels))
    elif output.elements != rows * channels or output.shape[-1] != channels:
        q.check_shape(op, output, (rows, channels))
    q.check_bias(op, bias, channels, DType.INT32 if dtype is DType.INT8 else DType.FLOAT32)
    if dtype is DType.INT8:
        q.check_per_tensor(op, source, output)
        q.check_filter(op, weights, axis=0, symmetric=False)
        _check_bias_scale(op, source, weights, bias, output)
        q.channel_multipliers(op, source, weights, output, channels)
        q.int8_activation_range(op, output, attributes.activation)


def _check_bias_scale(op: Op, source: Tensor, weights: Tensor, bias: Tensor | None, output: Tensor) -> None:
    """The bias is added to the sum of products, so it must have their scale.

    TFLM refuses more than 0.02 output steps per bias step: GetQuantizedConvolutionMultipler in
    tensorflow/lite/kernels/kernel_util.cc, for per-tensor weights.
    """
    assert weights.quantization is not None
    if bias is None or bias.quantization is None or not bias.quantization.scales or weights.quantization.per_channel:
        return
    product = source.scale * weights.scale
    if abs(product - bias.quantization.scales[0]) / output.scale > 0.02:
        raise ModelError(
            f"{op.where}: bias {q.describe(bias)} has the scale {bias.quantization.scales[0]:.3g} where input times "
            f"weights have {product:.3g}; convert the model again"
        )


def lower(op: Op, graph: Graph) -> KernelCall:
    """The kernel call; after check().

    TFLM of October 2026, like q.channel_multipliers(), multiplies the scales in double precision. Earlier TFLM did so
    in float32 for per-tensor weights (GetQuantizedConvolutionMultipler), which can differ by a step at exact ties.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    attributes: Attributes = op.attributes
    channels, depth = weights.shape
    params: dict[str, Any] = {
        "batches": source.elements // depth,
        "input_depth": depth,
        "output_depth": channels,
    }
    arguments: tuple[Argument, ...] = (
        TensorRef(source.index),
        TensorRef(weights.index),
        TensorRef(bias.index if bias else None),
    )
    if source.dtype is DType.FLOAT32:
        low, high = q.float32_activation_range(attributes.activation)
        params |= {"activation_min": low, "activation_max": high}
        arguments += (TensorRef(output.index),)
        return KernelCall(
            "fully_connected.h", "fully_connected_float32", "FullyConnectedFloat32Params", params, arguments
        )
    multipliers, shifts = q.channel_multipliers(op, source, weights, output, channels)
    minimum, maximum = q.int8_activation_range(op, output, attributes.activation)
    params |= {
        "input_offset": -source.zero_point,
        "filter_offset": -weights.zero_point,
        "output_offset": output.zero_point,
        "activation_min": minimum,
        "activation_max": maximum,
    }
    arguments += (Constant("multipliers", multipliers), Constant("shifts", shifts), TensorRef(output.index))
    return KernelCall("fully_connected.h", "fully_connected_int8", "FullyConnectedInt8Params", params, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    """None: every output element reads the whole input row."""
    return ()
