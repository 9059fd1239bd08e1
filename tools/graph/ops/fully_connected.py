"""FULLY_CONNECTED: graph operator → call of kernels/fully_connected.h."""

from dataclasses import dataclass, replace
from typing import Any

import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import Graph, KernelCall, Op, Tensor
from ..operator import portable
from . import _dsp as dsp
from . import _helium as helium
from . import _macs as macs
from . import _quantized as q
from ._channels import Sums
from ._order import rows
from ._sparse import sparse_variant


@dataclass(frozen=True)
class Attributes:
    """FullyConnectedOptions."""

    activation: str
    weights_format: str
    keep_num_dims: bool
    asymmetric_inputs: bool = False  # how a hybrid layer quantizes its input
    bias_is_int32: bool = False  # the type of an int16 layer's bias, even if it has none


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    options = q.options(operator, tflite.FullyConnectedOptions)
    return Attributes(
        activation=q.activation_name(options.FusedActivationFunction()),
        weights_format=q.enum_name(tflite.FullyConnectedOptionsWeightsFormat, options.WeightsFormat()),
        keep_num_dims=bool(options.KeepNumDims()),
        asymmetric_inputs=bool(options.AsymmetricQuantizeInputs()),
        bias_is_int32=options.QuantizedBiasType() == tflite.TensorType.INT32,
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, inputs=(2, 3))
    q.check_present(op, 0, 1)
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    kind = macs.types(op, graph)
    attributes: Attributes = op.attributes
    q.check_activation(op, attributes.activation)
    if attributes.weights_format != "DEFAULT":
        raise UnsupportedModel(
            f"{op.where}: the weights format {attributes.weights_format} has no kernel; convert the model again "
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
    count = source.elements // depth
    if attributes.keep_num_dims:
        q.check_shape(op, output, (*source.shape[:-1], channels))
    elif output.elements != count * channels or output.shape[-1:] != (channels,):
        q.check_shape(op, output, (count, channels))
    macs.check(op, graph, channels, axis=0, symmetric=False)
    if kind in ("int8", "int4", "int16x8"):
        _check_bias_scale(op, source, weights, bias, output)


def _check_bias_scale(op: Op, source: Tensor, weights: Tensor, bias: Tensor | None, output: Tensor) -> None:
    """Raises ModelError unless the bias has the scale of the sum of products that it is added to.

    TFLM allows a difference of 0.02 output steps per bias step, for per-tensor weights:
    GetQuantizedConvolutionMultipler in tensorflow/lite/kernels/kernel_util.cc.
    """
    assert weights.quantization is not None
    if bias is None or bias.quantization is None or not bias.quantization.scales or weights.quantization.per_channel:
        return
    product = source.scale * weights.scale
    if abs(product - bias.quantization.scales[0]) / output.scale > 0.02:
        raise ModelError(
            f"{op.where}: bias {q.describe(bias)} has the scale {bias.quantization.scales[0]:.3g}, but input scale "
            f"times weight scale is {product:.3g}; convert the model again"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of the portable kernel; requires check().

    TFLM of October 2026, like q.channel_multipliers(), multiplies the scales in double precision. Earlier versions did
    so in float32 for per-tensor weights (GetQuantizedConvolutionMultipler), which can differ by a step at exact ties.
    """
    source, weights = graph.input(op, 0), graph.input(op, 1)
    attributes: Attributes = op.attributes
    channels, depth = weights.shape
    geometry: dict[str, Any] = {
        "batches": source.elements // depth,
        "input_depth": depth,
        "output_depth": channels,
    }
    found = macs.call(
        op,
        graph,
        "FullyConnected",
        geometry,
        channels,
        trails=rows(op, graph, source.elements // depth),
        row=depth,
        row_is_symmetric=not attributes.asymmetric_inputs,
        offsets={"filter_offset": -weights.zero_point},
    )
    return replace(found, by_rows=False)  # an output needs the whole row


OPERATOR = macs.operator(
    "dense layer over the last axis with fused activation; per-tensor or per-channel weights",
    types=macs.NAMES,
    check=check,
    variants=(
        helium.variant(call, helium.FULLY_CONNECTED),
        dsp.variant(call, dsp.FULLY_CONNECTED),
        dsp.lean_variant(call, dsp.LEAN_FULLY_CONNECTED),
        sparse_variant(call),
        *portable(call),
    ),
    parse=parse,
    channels=Sums(axis=0),
    leaves=("biasadd", "matmul", "add", "tensordot"),
)
