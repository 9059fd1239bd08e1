"""Shared by MAX_POOL_2D, AVERAGE_POOL_2D and L2_POOL_2D: everything except the kernel."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import tflite

from ...cores import Core
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, Variant, portable
from . import _quantized as q
from ._channels import Clamps
from ._order import window
from ._specification import takes_no_uint8
from ._window import check_window, padding_name, window_axes

TYPES = (*q.COMPUTED, DType.UINT8)


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


def check(types: tuple[DType, ...], op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless call() has a kernel of one of ``types`` for this operator."""
    q.check_arity(op, inputs=(1,))
    q.check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = q.check_types(op, source, output, allowed=types)
    attributes: Attributes = op.attributes
    q.check_activation(op, attributes.activation)
    vertical, horizontal = check_window(op, attributes.padding, source, attributes.filter, attributes.stride)
    q.check_shape(op, output, (source.shape[0], vertical.output, horizontal.output, source.shape[3]))
    if dtype is not DType.FLOAT32:
        q.check_per_tensor(op, source, output)
        q.integer_activation_range(op, output, attributes.activation)


def call(kernel: str, op: Op, graph: Graph) -> KernelCall:
    """The call of kernels/<kernel>.h; requires check()."""
    source, output = graph.input(op, 0), graph.output(op)
    attributes: Attributes = op.attributes
    vertical, horizontal = window_axes(attributes.padding, source, attributes.filter, attributes.stride)
    fields: dict[str, Any] = {
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
    trails = window(op, graph, vertical, horizontal, channelwise=True)
    arguments = (Read(source.index), Write(output.index, trails))
    if source.dtype is DType.FLOAT32:
        low, high = q.float32_activation_range(attributes.activation)
        fields |= {"activation_min": low, "activation_max": high}
        params = Params("Pool2DFloat32Params", fields)
        return KernelCall(f"{kernel}.h", f"{kernel}_float32", (params,), arguments, constexpr_params=True)
    minimum, maximum = q.integer_activation_range(op, output, attributes.activation)
    fields |= {"activation_min": minimum, "activation_max": maximum}
    integer = source.dtype.value
    params = Params(f"Pool2D{integer.capitalize()}Params", fields)
    return KernelCall(f"{kernel}.h", f"{kernel}_{integer}", (params,), arguments)


def _accepts_dsp(op: Op, graph: Graph, core: Core) -> bool:
    """Windows of integers whose sums fit in 32 bits."""
    most = {DType.INT8: 1 << 23, DType.INT16: 1 << 15}.get(graph.input(op, 0).dtype, 0)
    return core.dsp and math.prod(op.attributes.filter) <= most


def dsp_call(kernel: str, op: Op, graph: Graph) -> KernelCall:
    """kernels/pool_2d_dsp.h."""
    plain = call(kernel, op, graph)
    return replace(plain, header="pool_2d_dsp.h", function=f"{plain.function}_dsp")


def pool_operator(kernel: str, *, summary: str, types: tuple[DType, ...] = TYPES) -> Operator:
    """The Operator with the kernels of kernels/<kernel>.h, which has one for each of ``types``."""
    dsp = (Variant("dsp", partial(dsp_call, kernel), _accepts_dsp),) if DType.INT8 in types else ()
    return Operator(
        summary=summary,
        types=tuple(dtype.value for dtype in types),
        check=partial(check, types),
        variants=(*dsp, *portable(partial(call, kernel))),
        parse=parse,
        keeps_range=True,
        one_quantization=() if types == (DType.FLOAT32,) else (0,),
        channels=Clamps(),
        left_out_by_tflm=takes_no_uint8,
    )
