"""The Helium kernels of layers with weights, firmware/kernels/*_helium.h: which layers they accept, and their calls."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ..ir import DType, Graph, KernelCall, Op, Write
from ..operator import Variant
from . import _extension
from . import _packed_helium as packed
from ._dsp import reach
from ._extension import Kernel, Maker, layer_of
from ._order import parts

POSITIONS = 4  # output positions that conv_2d_helium.h computes together
BLOCK = 4  # output columns that depthwise_conv_2d_3x3_helium.h computes together
STRIP = {1: 16, 2: 8}  # stride → output columns whose planes it holds
PLANE_ROWS = 4
LARGEST_OFFSET = (1 << 16) - 1  # of a scatter store


def variant(portable_call: Callable[[Op, Graph], KernelCall], makers: Mapping[DType, Maker]) -> Variant:
    """The variant for cores with Helium."""
    return _extension.variant("helium", lambda core: core.mve, portable_call, makers)


# --- the kernels ------------------------------------------------------------------------------------------------------


def _conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/conv_2d_helium.h."""
    p = plain.fields
    if p["filter_depth"] != p["input_depth"] or p["output_depth"] < 2:
        raise ValueError("groups, or one channel")
    if (POSITIONS - 1) * p["output_depth"] + 1 > LARGEST_OFFSET:
        raise ValueError("positions too far apart")
    window = packed.LANES * _chunks(p["filter_height"] * p["filter_width"] * p["input_depth"])
    # The inputs of four positions are read before the first output is written, so the portable kernel's trails suffice.
    write = Write(graph.output(op).index, plain.writes[0].trails)
    return Kernel(
        "conv_2d",
        "conv_2d_int8",
        packed.pack_conv_2d(layer_of(op, graph)),
        write,
        (POSITIONS + _tables(p)) * window,
    )


def _tables(p: Mapping[str, int]) -> int:
    """The number of buffers, each as large as a window, that conv_2d_helium.h needs besides the tile: three tables to
    gather small windows, one buffer to assemble larger ones, none if whole chunks are copied."""
    if p["input_depth"] % packed.LANES == 0 or _is_pointwise(p):
        return 0
    rows, columns = reach(p, "height"), reach(p, "width")
    span = ((rows - 1) * p["input_width"] + columns) * p["input_depth"]
    return 3 if max(p["input_height"] + rows, p["input_width"] + columns, span) <= 256 else 1


def _is_pointwise(p: Mapping[str, int]) -> bool:
    """IsPointwise() of conv_2d.h."""
    return all(
        p[f"filter_{axis}"] == p[f"stride_{axis}"] == 1 and not p[f"padding_{edge}"]
        for axis, edge in (("height", "top"), ("width", "left"))
    )


def _depthwise_conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/depthwise_conv_2d_3x3_helium.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    strides = p["stride_height"], p["stride_width"]
    is_3x3 = p["filter_height"] == p["filter_width"] == 3 and p["dilation_height"] == p["dilation_width"] == 1
    if not is_3x3 or strides not in ((1, 1), (2, 2)) or p["depth_multiplier"] != 1:
        raise ValueError("not 3x3")
    if (p["output_width"] + BLOCK - 1) * p["input_depth"] > LARGEST_OFFSET:
        raise ValueError("rows too far apart")
    # Two rows are computed together: while either is written, the input is needed from the first row's window on.
    tops = np.arange(p["output_height"]) // 2 * 2 * p["stride_height"] - p["padding_top"]
    rows = np.clip(tops, 0, p["input_height"]) + p["input_height"] * np.arange(p["batches"])[:, np.newaxis]
    trails = parts(source, output, rows.ravel() * p["input_width"] * p["input_depth"])
    stride, columns = p["stride_width"], min(p["output_width"], STRIP[p["stride_width"]])
    planes = stride * (-(-columns // BLOCK) * BLOCK * stride + 2) * PLANE_ROWS * packed.LANES
    layer = layer_of(op, graph, channel_axis=3)
    layer = replace(layer, weights=layer.weights[:, 0])  # [channels][1][3][3]
    words = packed.pack_depthwise_conv_2d_3x3(layer)
    return Kernel(
        "depthwise_conv_2d_3x3", "depthwise_conv_2d_3x3_int8", words, Write(output.index, trails), planes + packed.LANES
    )


def _fully_connected(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/fully_connected_helium.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    trails = parts(source, output, (np.arange(p["batches"]) + 1) * p["input_depth"])
    scratch = packed.LANES * _chunks(p["input_depth"])
    return Kernel(
        "fully_connected",
        "fully_connected_int8",
        packed.pack_fully_connected(layer_of(op, graph)),
        Write(output.index, trails),
        scratch,
    )


CONV_2D: Mapping[DType, Maker] = {DType.INT8: _conv_2d}
DEPTHWISE_CONV_2D: Mapping[DType, Maker] = {DType.INT8: _depthwise_conv_2d}
FULLY_CONNECTED: Mapping[DType, Maker] = {DType.INT8: _fully_connected}


def _chunks(elements: int) -> int:
    return -(-elements // packed.LANES)
