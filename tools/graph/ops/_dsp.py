"""The int8 kernels for the DSP extension, firmware/kernels/*_dsp.h: which layers they take, and the calls of them.

They have the params of the portable kernels, known when they are compiled, and one run of packed constants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...cores import Core
from ..ir import Constant, DType, Graph, KernelCall, Op, Read, Scratch, Write
from ..operator import Variant
from . import _packed_dsp as packed
from . import _quantized as q
from ._order import parts

POSITIONS = 3  # of the output that conv_2d_dsp.h computes together
PLANES = 4  # channels that depthwise_conv_2d_3x3_dsp.h prepares together


@dataclass(frozen=True, eq=False)
class Kernel:
    """What a DSP kernel takes in place of the portable one's constants, for one layer.

    ``words`` are its packed constants, ``write`` the output, ``scratch_bytes`` as its header computes them.
    ``chooses_scratch``: it takes as many bytes as it is given, and their number as a template argument.
    """

    name: str
    words: packed.Array
    write: Write
    scratch_bytes: int
    chooses_scratch: bool = False


# (operator, graph, call of the portable kernel, the layer) → kernel; raises ValueError for a layer without packed form.
Maker = Callable[[Op, Graph, KernelCall, packed.Layer], Kernel]


def dsp_variant(portable_call: Callable[[Op, Graph], KernelCall], make: Maker, channel_axis: int) -> Variant:
    """The variant of an operator with constant int8 weights, whose output channels lie along ``channel_axis``."""

    def accepts(op: Op, graph: Graph, core: Core) -> bool:
        if not core.dsp or not _is_int8(op, graph):
            return False
        try:
            make(op, graph, portable_call(op, graph), _layer(op, graph, channel_axis))
        except ValueError:
            return False
        return True

    def call(op: Op, graph: Graph) -> KernelCall:
        plain = portable_call(op, graph)
        kernel = make(op, graph, plain, _layer(op, graph, channel_axis))
        return replace(
            plain,
            header=f"{kernel.name}_dsp.h",
            function=f"{kernel.name}_int8_dsp",
            arguments=(
                Read(graph.input(op, 0).index),
                Constant("packed", kernel.words, graph.input(op, 1).index),
                Scratch(kernel.scratch_bytes, f"{kernel.name}_int8_dsp_scratch_bytes"),
                kernel.write,
            ),
            template=(kernel.scratch_bytes,) if kernel.chooses_scratch else (),
            constexpr_params=True,
            by_rows=False,
        )

    return Variant("dsp", call, accepts)


def _is_int8(op: Op, graph: Graph) -> bool:
    """Whether all is int8 and constant that must be, with symmetric weights."""
    source, weights, bias = graph.input(op, 0), graph.input(op, 1), graph.optional_input(op, 2)
    constant = weights.data is not None and (bias is None or bias.data is not None)
    return constant and source.dtype is DType.INT8 is weights.dtype and weights.zero_point == 0


def _layer(op: Op, graph: Graph, channel_axis: int) -> packed.Layer:
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    assert weights.data is not None
    channels = weights.shape[channel_axis]
    multipliers, shifts = q.channel_multipliers(op, source, weights, output, channels)
    return packed.Layer(
        weights=np.moveaxis(weights.data, channel_axis, 0),
        bias=np.zeros(channels, np.int32) if bias is None or bias.data is None else bias.data.ravel(),
        multipliers=multipliers,
        shifts=shifts,
        input_zero_point=source.zero_point,
        output_zero_point=output.zero_point,
    )


# --- the kernels ------------------------------------------------------------------------------------------------------


def conv_2d(op: Op, graph: Graph, plain: KernelCall, layer: packed.Layer) -> Kernel:
    """kernels/conv_2d_dsp.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    if p["filter_depth"] != p["input_depth"] or p["output_depth"] < 2:
        raise ValueError("groups, or one channel")
    runs, length = p["filter_height"], p["filter_width"] * p["input_depth"]
    if p["dilation_width"] != 1:
        runs, length = runs * p["filter_width"], p["input_depth"]
    quads = (runs * ((length + 1) // 2) + 1) // 2
    trails, rows = plain.writes[0].trails, 0
    if not _stays_inside(p):
        trails = parts(source, output, _rows_needed(p))
        below = min(p["output_height"], (POSITIONS - 2) // p["output_width"] + 2)
        rows = (_reach(p, "height") + (below - 1) * p["stride_height"]) * _padded_width(p) * p["input_depth"]
    return Kernel(
        "conv_2d",
        packed.pack_conv_2d(layer, p["dilation_width"]),
        Write(output.index, trails),
        4 * (2 * POSITIONS * quads + (rows + 3) // 4),
    )


def depthwise_conv_2d(op: Op, graph: Graph, plain: KernelCall, layer: packed.Layer) -> Kernel:
    """kernels/depthwise_conv_2d_3x3_dsp.h where it can be, else kernels/depthwise_conv_2d_dsp.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    smaller = p["output_height"] <= p["input_height"] and p["output_width"] <= p["input_width"]
    write = Write(output.index, in_place=(source.index,) if smaller and p["depth_multiplier"] == 1 else ())
    layer = replace(layer, weights=layer.weights[:, 0])  # [channels][1][height][width]
    strides = p["stride_height"], p["stride_width"]
    is_3x3 = p["filter_height"] == p["filter_width"] == 3 and p["dilation_height"] == p["dilation_width"] == 1
    if is_3x3 and strides in ((1, 1), (2, 2)) and p["input_depth"] >= PLANES:
        words = packed.pack_depthwise_conv_2d_3x3(layer)
        return Kernel("depthwise_conv_2d_3x3", words, write, _planes(p), chooses_scratch=True)
    taps = _reach(p, "width") + 1 & ~1
    columns = (p["output_width"] - 1) * p["stride_width"] + taps
    words = packed.pack_depthwise_conv_2d(layer, p["dilation_width"])
    return Kernel("depthwise_conv_2d", words, write, 4 * ((_reach(p, "height") * columns + 1) // 2))


def fully_connected(op: Op, graph: Graph, plain: KernelCall, layer: packed.Layer) -> Kernel:
    """kernels/fully_connected_dsp.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    trails = parts(source, output, (np.arange(p["batches"]) + 1) * p["input_depth"])
    pairs = -(-p["input_depth"] // (2 * packed.DENSE_UNIT)) * packed.DENSE_UNIT
    return Kernel("fully_connected", packed.pack_fully_connected(layer), Write(output.index, trails), 4 * pairs)


def _reach(p: Mapping[str, int], axis: str) -> int:
    """Elements from the first to the last tap of a window along ``axis``, inclusive."""
    return (p[f"filter_{axis}"] - 1) * p[f"dilation_{axis}"] + 1


def _stays_inside(p: Mapping[str, int]) -> bool:
    """Whether no window leaves the input."""
    ends = {axis: (p[f"output_{axis}"] - 1) * p[f"stride_{axis}"] + _reach(p, axis) for axis in ("height", "width")}
    padded = p["padding_top"] or p["padding_left"]
    return not padded and all(end <= p[f"input_{axis}"] for axis, end in ends.items())


def _padded_width(p: Mapping[str, int]) -> int:
    read = (p["output_width"] - 1) * p["stride_width"] + _reach(p, "width")
    return max(read, p["padding_left"] + p["input_width"])


def _rows_needed(p: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """For each row of the output the first element of the input that is read later than this row is begun."""
    ends = np.arange(p["output_height"]) * p["stride_height"] - p["padding_top"] + _reach(p, "height")
    rows = np.minimum(ends, p["input_height"]) + p["input_height"] * np.arange(p["batches"])[:, np.newaxis]
    return rows.ravel() * p["input_width"] * p["input_depth"]


def _planes(p: Mapping[str, int]) -> int:
    """Bytes of the planes that hold PLANES channels of some rows, two rows in a word."""
    width, stride = p["output_width"], p["stride_width"]
    columns = width + 2 if stride == 1 else 2 * (width + width % 2) + 1
    return 4 * PLANES * columns * 2
