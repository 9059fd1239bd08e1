"""The int8 kernels for Helium, firmware/kernels/*_helium.h: which layers they take, and the calls of them.

They have the params of the portable kernels, known when they are compiled, and one run of packed constants.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...cores import Core
from ..ir import Constant, DType, Graph, KernelCall, Op, Read, Scratch, Write
from ..operator import Variant
from . import _packed_helium as packed
from ._dsp import is_constant, layer_of
from ._order import parts
from ._packed_dsp import Array

POSITIONS = 4  # of the output that conv_2d_helium.h computes together
BLOCK = 4  # columns of the output that depthwise_conv_2d_3x3_helium.h computes together
STRIP = {1: 16, 2: 8}  # stride → columns of the output whose planes it holds
PLANE_ROWS = 4
LARGEST_OFFSET = (1 << 16) - 1  # of a scattered store


@dataclass(frozen=True, eq=False)
class Kernel:
    """What a Helium kernel takes in place of the portable one's constants, for one layer.

    ``bytes`` are its packed constants, ``write`` the output, ``scratch_bytes`` as its header computes them.
    """

    name: str
    bytes: Array
    write: Write
    scratch_bytes: int


# (operator, graph, call of the portable kernel) → kernel; raises ValueError for a layer without packed form.
Maker = Callable[[Op, Graph, KernelCall], Kernel]


def variant(portable_call: Callable[[Op, Graph], KernelCall], make: Maker) -> Variant:
    """The variant of an operator with int8 activations and constant int8 weights."""

    def accepts(op: Op, graph: Graph, core: Core) -> bool:
        if not core.mve or graph.input(op, 0).dtype is not DType.INT8 or not is_constant(op, graph):
            return False
        try:
            make(op, graph, portable_call(op, graph))
        except ValueError:
            return False
        return True

    def call(op: Op, graph: Graph) -> KernelCall:
        plain = portable_call(op, graph)
        kernel = make(op, graph, plain)
        return replace(
            plain,
            header=f"{kernel.name}_helium.h",
            function=f"{kernel.name}_int8_helium",
            arguments=(
                Read(graph.input(op, 0).index),
                Constant("packed", kernel.bytes, graph.input(op, 1).index),
                Scratch(kernel.scratch_bytes, f"{kernel.name}_int8_helium_scratch_bytes"),
                kernel.write,
            ),
            constexpr_params=True,
            by_rows=False,
        )

    return Variant("helium", call, accepts)


# --- the kernels ------------------------------------------------------------------------------------------------------


def conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/conv_2d_helium.h."""
    p = plain.fields
    if p["filter_depth"] != p["input_depth"] or p["output_depth"] < 2:
        raise ValueError("groups, or one channel")
    if (POSITIONS - 1) * p["output_depth"] + 1 > LARGEST_OFFSET:
        raise ValueError("positions too far apart")
    window = packed.LANES * _chunks(p["filter_height"] * p["filter_width"] * p["input_depth"])
    fills_tile = p["input_depth"] % packed.LANES == 0 or p["filter_height"] == p["filter_width"] == 1
    # Four positions are read before the first of them is written: no more than the portable kernel needs.
    write = Write(graph.output(op).index, plain.writes[0].trails)
    return Kernel("conv_2d", packed.pack_conv_2d(layer_of(op, graph)), write, (POSITIONS + (not fills_tile)) * window)


def depthwise_conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/depthwise_conv_2d_3x3_helium.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    strides = p["stride_height"], p["stride_width"]
    is_3x3 = p["filter_height"] == p["filter_width"] == 3 and p["dilation_height"] == p["dilation_width"] == 1
    if not is_3x3 or strides not in ((1, 1), (2, 2)) or p["depth_multiplier"] != 1:
        raise ValueError("not 3x3")
    if (p["output_width"] + BLOCK - 1) * p["input_depth"] > LARGEST_OFFSET:
        raise ValueError("rows too far apart")
    # Two rows are made together: both while all is needed from the first one's window on.
    tops = np.arange(p["output_height"]) // 2 * 2 * p["stride_height"] - p["padding_top"]
    rows = np.clip(tops, 0, p["input_height"]) + p["input_height"] * np.arange(p["batches"])[:, np.newaxis]
    trails = parts(source, output, rows.ravel() * p["input_width"] * p["input_depth"])
    stride, columns = p["stride_width"], min(p["output_width"], STRIP[p["stride_width"]])
    planes = stride * (-(-columns // BLOCK) * BLOCK * stride + 2) * PLANE_ROWS * packed.LANES
    layer = layer_of(op, graph, channel_axis=3)
    layer = replace(layer, weights=layer.weights[:, 0])  # [channels][1][3][3]
    words = packed.pack_depthwise_conv_2d_3x3(layer)
    return Kernel("depthwise_conv_2d_3x3", words, Write(output.index, trails), planes + packed.LANES)


def fully_connected(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/fully_connected_helium.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    trails = parts(source, output, (np.arange(p["batches"]) + 1) * p["input_depth"])
    scratch = packed.LANES * _chunks(p["input_depth"])
    return Kernel(
        "fully_connected", packed.pack_fully_connected(layer_of(op, graph)), Write(output.index, trails), scratch
    )


def _chunks(elements: int) -> int:
    return -(-elements // packed.LANES)
