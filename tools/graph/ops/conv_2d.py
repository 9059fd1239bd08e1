"""CONV_2D, including grouped convolution: graph operator → call of kernels/conv_2d.h."""

import math
from dataclasses import dataclass, replace
from typing import Any

import tflite

from ...cores import Core
from ...errors import ModelError
from ..ir import DType, Graph, KernelCall, Op, Scratch, Write
from ..operator import Variant, portable
from . import _blocked as blocked
from . import _dsp as dsp
from . import _helium as helium
from . import _macs as macs
from . import _quantized as q
from ._channels import Sums
from ._order import window
from ._sparse import sparse_variant
from ._window import Axis, check_window, padding_name, window_axes

# The least number of weights that are widened together: enough to hide the cost of iterating over the image.
WIDENED = 256


@dataclass(frozen=True)
class Attributes:
    """Conv2DOptions; pairs are (height, width)."""

    padding: str
    stride: tuple[int, int]
    dilation: tuple[int, int]
    activation: str
    bias_is_int32: bool = False  # the type of an int16 layer's bias, even if it has none


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    options = q.options(operator, tflite.Conv2DOptions)
    return Attributes(
        padding=padding_name(options.Padding()),
        stride=(options.StrideH(), options.StrideW()),
        dilation=(options.DilationHFactor(), options.DilationWFactor()),
        activation=q.activation_name(options.FusedActivationFunction()),
        bias_is_int32=options.QuantizedBiasType() == tflite.TensorType.INT32,
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, inputs=(2, 3))
    q.check_present(op, 0, 1)
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    kind = macs.types(op, graph)
    attributes: Attributes = op.attributes
    q.check_activation(op, attributes.activation)
    q.check_rank(op, weights, 4)
    q.check_not_empty(op, weights)
    channels, filter_height, filter_width, filter_depth = weights.shape
    vertical, horizontal = check_window(
        op, attributes.padding, source, (filter_height, filter_width), attributes.stride, attributes.dilation
    )
    depth = source.shape[3]
    if depth % filter_depth or channels % (depth // filter_depth):
        raise ModelError(
            f"{op.where}: weights {q.describe(weights)} do not divide {depth} input channels and {channels} output "
            f"channels into equal groups; convert the model again"
        )
    q.check_shape(op, output, (source.shape[0], vertical.output, horizontal.output, channels))
    macs.check(op, graph, channels, axis=0)
    if kind.startswith("dynamic") and filter_depth != depth:
        macs.check_scale_per_channel(op, weights, channels)


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of the portable kernel; requires check()."""
    source, weights = graph.input(op, 0), graph.input(op, 1)
    batches, _, _, depth = source.shape
    channels, _, _, filter_depth = weights.shape
    vertical, horizontal = _axes(op, graph)
    geometry: dict[str, Any] = {
        "batches": batches,
        "input_height": vertical.input,
        "input_width": horizontal.input,
        "input_depth": depth,
        "filter_height": vertical.filter,
        "filter_width": horizontal.filter,
        "filter_depth": filter_depth,
        "output_height": vertical.output,
        "output_width": horizontal.output,
        "output_depth": channels,
        "stride_height": vertical.stride,
        "stride_width": horizontal.stride,
        "dilation_height": vertical.dilation,
        "dilation_width": horizontal.dilation,
        "padding_top": vertical.padding,
        "padding_left": horizontal.padding,
    }
    # LiteRT's hybrid convolution quantizes its input symmetrically if all weights have the same scale
    # (is_hybrid_per_channel in tensorflow/lite/kernels/conv.cc).
    one_scale = weights.quantization is not None and len(set(weights.quantization.scales)) == 1
    return macs.call(
        op,
        graph,
        "Conv2D",
        geometry,
        channels,
        trails=window(op, graph, vertical, horizontal) if filter_depth == depth else {},  # else one group after another
        row=source.elements // batches,
        row_is_symmetric=one_scale and filter_depth == depth,
    )


def widened_call(op: Op, graph: Graph) -> KernelCall:
    """float16 or int4 weights: some filters are widened together, then applied to all positions; see WIDENED.

    Filters are widened one at a time if four would take more memory than the layer's activations.
    """
    plain, weights = call(op, graph), graph.input(op, 1)
    channels = weights.shape[0]
    filter_elements = weights.elements // channels
    filter_bytes = filter_elements * (4 if weights.dtype is DType.FLOAT16 else 1)
    fours = math.ceil(WIDENED / (4 * filter_elements))
    activations = graph.input(op, 0).bytes + graph.output(op).bytes
    at_once = 1 if 4 * filter_bytes > activations else min(4 * fours, channels)
    *arguments, _ = plain.arguments
    room = Scratch(at_once * filter_bytes, f"conv_2d_{plain.function.rpartition('_')[2]}_wide_bytes")
    return replace(
        plain,
        template=(at_once,),
        arguments=(*arguments, room, Write(graph.output(op).index)),  # the whole input is read again for each group
        by_rows=False,
    )


def _axes(op: Op, graph: Graph) -> tuple[Axis, Axis]:
    """The (vertical, horizontal) axes of the filters over the image."""
    attributes: Attributes = op.attributes
    size = graph.input(op, 1).shape[1:3]
    return window_axes(
        attributes.padding, graph.input(op, 0), (size[0], size[1]), attributes.stride, attributes.dilation
    )


def _is_narrow(op: Op, graph: Graph, core: Core) -> bool:
    return graph.input(op, 1).dtype in (DType.FLOAT16, DType.INT4)


OPERATOR = macs.operator(
    "2D convolution with groups, dilation, fused activation; per-tensor or per-channel weights",
    types=macs.NAMES,
    check=check,
    variants=(
        helium.variant(call, helium.CONV_2D),
        dsp.variant(call, dsp.CONV_2D),
        dsp.lean_variant(call, dsp.LEAN_CONV_2D),
        sparse_variant(call),
        blocked.variant(call, blocked.CONV_2D),
        Variant("widened", widened_call, _is_narrow),
        *portable(call),
    ),
    parse=parse,
    channels=Sums(axis=0),
    leaves=("biasadd", "convolution", "conv2d", "add"),
)
