"""DEPTHWISE_CONV_2D: graph operator → call of kernels/depthwise_conv_2d.h."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import ModelError
from ..ir import DType, Graph, KernelCall, Op
from ..operator import portable
from . import _blocked as blocked
from . import _dsp as dsp
from . import _helium as helium
from . import _macs as macs
from . import _quantized as q
from ._channels import DepthwiseSums
from ._order import window
from ._window import check_window, padding_name, window_axes

TYPES = macs.WITHOUT_INT4  # LiteRT has no hybrid kernel for it


@dataclass(frozen=True)
class Attributes:
    """DepthwiseConv2DOptions; pairs are (height, width)."""

    padding: str
    stride: tuple[int, int]
    dilation: tuple[int, int]
    depth_multiplier: int
    activation: str


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    options = q.options(operator, tflite.DepthwiseConv2DOptions)
    return Attributes(
        padding=padding_name(options.Padding()),
        stride=(options.StrideH(), options.StrideW()),
        dilation=(options.DilationHFactor(), options.DilationWFactor()),
        depth_multiplier=options.DepthMultiplier(),
        activation=q.activation_name(options.FusedActivationFunction()),
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, inputs=(2, 3))
    q.check_present(op, 0, 1)
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    kind = macs.types(op, graph, TYPES)
    attributes: Attributes = op.attributes
    q.check_activation(op, attributes.activation)
    q.check_rank(op, weights, 4)
    q.check_not_empty(op, weights)
    _, filter_height, filter_width, channels = weights.shape
    vertical, horizontal = check_window(
        op, attributes.padding, source, (filter_height, filter_width), attributes.stride, attributes.dilation
    )
    depth = source.shape[3]
    if weights.shape[0] != 1 or channels != depth * attributes.depth_multiplier:
        raise ModelError(
            f"{op.where}: weights {q.describe(weights)} do not fit {depth} input channels with depth multiplier "
            f"{attributes.depth_multiplier}; convert the model again"
        )
    q.check_shape(op, output, (source.shape[0], vertical.output, horizontal.output, channels))
    macs.check(op, graph, channels, axis=3)
    bias = graph.optional_input(op, 2)
    if kind == "int16x8" and bias is not None:
        q.check_types(op, bias, allowed=(DType.INT64,))  # the only type that TFLM reads
    if kind == "dynamic":
        macs.check_scale_per_channel(op, weights, channels)


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of the portable kernel; requires check()."""
    source, weights = graph.input(op, 0), graph.input(op, 1)
    attributes: Attributes = op.attributes
    batches, _, _, depth = source.shape
    _, filter_height, filter_width, channels = weights.shape
    vertical, horizontal = window_axes(
        attributes.padding, source, (filter_height, filter_width), attributes.stride, attributes.dilation
    )
    geometry: dict[str, Any] = {
        "batches": batches,
        "input_height": vertical.input,
        "input_width": horizontal.input,
        "input_depth": depth,
        "filter_height": vertical.filter,
        "filter_width": horizontal.filter,
        "output_height": vertical.output,
        "output_width": horizontal.output,
        "depth_multiplier": attributes.depth_multiplier,
        "stride_height": vertical.stride,
        "stride_width": horizontal.stride,
        "dilation_height": vertical.dilation,
        "dilation_width": horizontal.dilation,
        "padding_top": vertical.padding,
        "padding_left": horizontal.padding,
    }
    return macs.call(
        op,
        graph,
        "DepthwiseConv2D",
        geometry,
        channels,
        trails=window(op, graph, vertical, horizontal, channelwise=attributes.depth_multiplier == 1),
        row=source.elements // batches,
    )


OPERATOR = macs.operator(
    "2D convolution per channel with depth multiplier, dilation, fused activation",
    types=TYPES,
    check=check,
    variants=(
        helium.variant(call, helium.DEPTHWISE_CONV_2D),
        dsp.variant(dsp.sideways(call), dsp.DEPTHWISE_CONV_2D),
        blocked.variant(dsp.sideways(call), blocked.DEPTHWISE_CONV_2D),
        *portable(call),
    ),
    parse=parse,
    channels=DepthwiseSums(axis=3),
    leaves=("biasadd", "depthwise", "add"),
)
