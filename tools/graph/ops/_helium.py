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
from ._packed_dsp import Array, Layer

POSITIONS = 4  # of the output that conv_2d_helium.h computes together
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


# (operator, graph, call of the portable kernel, the layer) → kernel; raises ValueError for a layer without packed form.
Maker = Callable[[Op, Graph, KernelCall, Layer], Kernel]


def helium_variant(portable_call: Callable[[Op, Graph], KernelCall], make: Maker, channel_axis: int) -> Variant:
    """The variant of an operator with constant int8 weights, whose output channels lie along ``channel_axis``."""

    def accepts(op: Op, graph: Graph, core: Core) -> bool:
        if not core.mve or graph.input(op, 0).dtype is not DType.INT8 or not is_constant(op, graph):
            return False
        try:
            make(op, graph, portable_call(op, graph), layer_of(op, graph, channel_axis))
        except ValueError:
            return False
        return True

    def call(op: Op, graph: Graph) -> KernelCall:
        plain = portable_call(op, graph)
        kernel = make(op, graph, plain, layer_of(op, graph, channel_axis))
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


def conv_2d(op: Op, graph: Graph, plain: KernelCall, layer: Layer) -> Kernel:
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
    return Kernel("conv_2d", packed.pack_conv_2d(layer), write, (POSITIONS + (not fills_tile)) * window)


def fully_connected(op: Op, graph: Graph, plain: KernelCall, layer: Layer) -> Kernel:
    """kernels/fully_connected_helium.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    trails = parts(source, output, (np.arange(p["batches"]) + 1) * p["input_depth"])
    scratch = packed.LANES * _chunks(p["input_depth"])
    return Kernel("fully_connected", packed.pack_fully_connected(layer), Write(output.index, trails), scratch)


def _chunks(elements: int) -> int:
    return -(-elements // packed.LANES)
