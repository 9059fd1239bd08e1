"""TRANSPOSE_CONV: graph operator → call of kernels/transpose_conv.h."""

from dataclasses import dataclass, replace
from typing import Any

import tflite

from ...errors import ModelError
from ..ir import DType, Graph, KernelCall, Op
from ..operator import Operator, portable
from . import _macs as macs
from . import _quantized as q
from ._window import MAX_STEP, PADDINGS, Axis, padding_name, window_axis

TYPES = ("int8", "float32", "int16x8")


@dataclass(frozen=True)
class Attributes:
    """TransposeConvOptions; the stride is (height, width)."""

    padding: str
    stride: tuple[int, int]
    activation: str


def parse(operator: Any) -> Attributes:
    options = q.options(operator, tflite.TransposeConvOptions)
    return Attributes(
        padding=padding_name(options.Padding()),
        stride=(options.StrideH(), options.StrideW()),
        activation=q.activation_name(options.FusedActivationFunction()),
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, inputs=(3, 4))
    q.check_present(op, 0, 1, 2)
    like = _as_convolution(op)
    source, weights, output = graph.input(like, 0), graph.input(like, 1), graph.output(op)
    attributes: Attributes = op.attributes
    kind = macs.types(like, graph, TYPES)
    q.check_activation(op, attributes.activation)
    for tensor in (source, weights, output):
        q.check_rank(op, tensor, 4)
    q.check_not_empty(op, source, weights, output)
    if attributes.padding not in PADDINGS or not 1 <= min(attributes.stride) <= max(attributes.stride) <= MAX_STEP:
        raise ModelError(
            f"{op.where}: has padding {attributes.padding} and stride {attributes.stride[0]}x{attributes.stride[1]}, "
            f"but needs SAME or VALID and 1 … {MAX_STEP}; convert the model again"
        )
    channels, filter_height, filter_width, _ = weights.shape
    q.check_shape(op, weights, (channels, filter_height, filter_width, source.shape[3]))
    q.check_shape(op, output, (source.shape[0], *output.shape[1:3], channels))
    shape = graph.input(op, 0)
    if shape.data is not None and tuple(shape.data.ravel()) != output.shape:
        raise ModelError(
            f"{op.where}: its output {q.describe(output)} does not have the shape {shape.data.tolist()} of input 0; "
            f"convert the model again"
        )
    macs.check(like, graph, channels, axis=0)
    if kind == "int16x8":
        q.check_bias(op, graph.optional_input(like, 2), channels, DType.INT64)


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of the portable kernel; requires check()."""
    like = _as_convolution(op)
    source, weights, output = graph.input(like, 0), graph.input(like, 1), graph.output(op)
    vertical, horizontal = _axes(op, graph)
    geometry = {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_depth": source.shape[3],
        "filter_height": vertical.filter,
        "filter_width": horizontal.filter,
        "output_height": vertical.input,
        "output_width": horizontal.input,
        "output_depth": weights.shape[0],
        "stride_height": vertical.stride,
        "stride_width": horizontal.stride,
        "padding_top": vertical.padding,
        "padding_left": horizontal.padding,
    }
    found = macs.call(like, graph, "TransposeConv", geometry, output.shape[3], trails={}, row=0)
    return replace(found, by_rows=False)


def _axes(op: Op, graph: Graph) -> tuple[Axis, Axis]:
    """The (vertical, horizontal) axes of the transposed convolution's window, which slides over the output."""
    sizes = zip(graph.output(op).shape[1:3], graph.input(op, 1).shape[1:3], op.attributes.stride, strict=True)
    vertical, horizontal = (window_axis(op.attributes.padding, *axis) for axis in sizes)
    return vertical, horizontal


def _as_convolution(op: Op) -> Op:
    """The operator with its inputs in the order of CONV_2D: input, weights, bias; without the output's shape."""
    return replace(op, inputs=(op.inputs[2], op.inputs[1], *op.inputs[3:]))


def _macs(op: Op, graph: Graph) -> int:
    """Each input element is multiplied by all weights of its channel; 0 without weights."""
    source, weights = graph.optional_input(op, 2), graph.optional_input(op, 1)
    return 0 if source is None or weights is None else source.elements * weights.elements // max(source.shape[-1], 1)


OPERATOR = Operator(
    summary="transposed 2D convolution with fused activation",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    roles={1: "weights", 3: "bias"},
    channel_axis=0,
    macs=_macs,
    leaves=("biasadd", "conv_transpose", "conv2d_transpose", "add"),
)
