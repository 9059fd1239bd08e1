"""What MAX_POOL_2D and AVERAGE_POOL_2D share: all but the kernel."""

from dataclasses import dataclass
from typing import Any

import tflite

from ..ir import DType, Graph, KernelCall, Op, TensorRef
from . import _quantized as q
from ._window import Axis, check_window, padding_name, window_axes


@dataclass(frozen=True)
class Attributes:
    """Pool2DOptions; pairs are (height, width)."""

    padding: str
    stride: tuple[int, int]
    filter: tuple[int, int]
    activation: str


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    options = q.options(operator, tflite.Pool2DOptions)
    return Attributes(
        padding=padding_name(options.Padding()),
        stride=(options.StrideH(), options.StrideW()),
        filter=(options.FilterHeight(), options.FilterWidth()),
        activation=q.activation_name(options.FusedActivationFunction()),
    )


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless lower() has a kernel for this operator."""
    q.check_arity(op, inputs=(1,))
    q.check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = q.check_types(op, source, output)
    attributes: Attributes = op.attributes
    q.check_activation(op, attributes.activation)
    vertical, horizontal = check_window(op, attributes.padding, source, attributes.filter, attributes.stride)
    q.check_shape(op, output, (source.shape[0], vertical.output, horizontal.output, source.shape[3]))
    if dtype is not DType.FLOAT32:
        q.check_per_tensor(op, source, output)
        q.integer_activation_range(op, output, attributes.activation)


def lower_pool(op: Op, graph: Graph, kernel: str) -> KernelCall:
    """The call of kernels/<kernel>.h; after check()."""
    source, output = graph.input(op, 0), graph.output(op)
    attributes: Attributes = op.attributes
    vertical, horizontal = _axes(op, graph)
    params: dict[str, Any] = {
        "batches": source.shape[0],
        "input_height": vertical.input,
        "input_width": horizontal.input,
        "depth": source.shape[3],
        "filter_height": vertical.filter,
        "filter_width": horizontal.filter,
        "output_height": vertical.output,
        "output_width": horizontal.output,
        "stride_height": vertical.stride,
        "stride_width": horizontal.stride,
        "padding_top": vertical.padding,
        "padding_left": horizontal.padding,
    }
    arguments = (TensorRef(source.index), TensorRef(output.index))
    if source.dtype is DType.FLOAT32:
        low, high = q.float32_activation_range(attributes.activation)
        params |= {"activation_min": low, "activation_max": high}
        return KernelCall(f"{kernel}.h", f"{kernel}_float32", "Pool2DFloat32Params", params, arguments)
    minimum, maximum = q.integer_activation_range(op, output, attributes.activation)
    params |= {"activation_min": minimum, "activation_max": maximum}
    integer = source.dtype.value
    return KernelCall(f"{kernel}.h", f"{kernel}_{integer}", f"Pool2D{integer.capitalize()}Params", params, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    """The input, where no window reaches back into padding.

    A window's first element then lies at or after the output element it makes, so that nothing is overwritten before
    the last window that needs it.
    """
    vertical, horizontal = _axes(op, graph)
    return (0,) if vertical.padding == horizontal.padding == 0 else ()


def _axes(op: Op, graph: Graph) -> tuple[Axis, Axis]:
    attributes: Attributes = op.attributes
    return window_axes(attributes.padding, graph.input(op, 0), attributes.filter, attributes.stride)
