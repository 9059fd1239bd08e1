"""The DSP kernels of layers with weights, firmware/kernels/*_dsp.h: which layers they accept, and their calls."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..ir import DType, Graph, KernelCall, Op, Write
from ..operator import Variant
from . import _extension
from . import _macs as macs
from . import _packed_dsp as packed
from ._extension import Kernel, Maker, layer_of
from ._order import parts, window
from ._window import Axis

POSITIONS = 3  # output positions that conv_2d_dsp.h computes together
LEAN_POSITIONS = 2  # the same for conv_2d_lean_dsp.h
PLANES = 4  # channels that depthwise_conv_2d_3x3_dsp.h prepares together


def variant(portable_call: Callable[[Op, Graph], KernelCall], makers: Mapping[DType, Maker]) -> Variant:
    """The variant for cores with the DSP extension."""
    return _extension.variant("dsp", lambda core: core.dsp, portable_call, makers)


def lean_variant(portable_call: Callable[[Op, Graph], KernelCall], makers: Mapping[DType, Maker]) -> Variant:
    """The same with less scratch. It is slower than Helium's kernels, so cores with Helium do not use it."""
    return _extension.variant("dsp", lambda core: core.dsp and not core.mve, portable_call, makers, lean=True)


def wide_layer(op: Op, graph: Graph, channel_axis: int = 0) -> packed.WideLayer:
    """layer_of() for int16. Raises ValueError if TFLM sums in 32 bits, since it then rescales differently."""
    if macs.sums_32_bits(op, graph.optional_input(op, 2)):
        raise ValueError("32-bit sums")
    narrow = layer_of(op, graph, channel_axis)
    multipliers, right_shifts = macs.int16_multipliers(narrow.multipliers, narrow.shifts)
    return packed.WideLayer(narrow.weights, narrow.bias, multipliers, right_shifts)


# --- the kernels ------------------------------------------------------------------------------------------------------


def _conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/conv_2d_dsp.h."""
    words = packed.pack_conv_2d(layer_of(op, graph), plain.fields["dilation_width"])
    return convolved(op, graph, plain, "conv_2d", "conv_2d_int8", words, POSITIONS * _pairs(plain.fields))


def _conv_2d_lean(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/conv_2d_lean_dsp.h."""
    p = plain.fields
    _check_convolved(p)
    words = packed.pack_conv_2d(layer_of(op, graph), p["dilation_width"])
    trails = window(op, graph, *_axes(p), together=LEAN_POSITIONS)
    scratch = 4 * LEAN_POSITIONS * _pairs(p)
    return Kernel("conv_2d_lean", "conv_2d_lean_int8", words, Write(graph.output(op).index, trails), scratch)


def _conv_2d_int16(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/conv_2d_int16_dsp.h."""
    words = packed.pack_conv_2d_int16(wide_layer(op, graph), plain.fields["dilation_width"])
    return convolved(op, graph, plain, "conv_2d_int16", "conv_2d_int16", words, POSITIONS * _pairs(plain.fields))


def _pairs(p: Mapping[str, int]) -> int:
    """Words that hold the window of a position as pairs of int16."""
    runs, length = p["filter_height"], p["filter_width"] * p["input_depth"]
    if p["dilation_width"] != 1:
        runs, length = runs * p["filter_width"], p["input_depth"]
    quads = (runs * ((length + 1) // 2) + 1) // 2
    return 2 * quads


def _axes(p: Mapping[str, int]) -> tuple[Axis, Axis]:
    """(vertical, horizontal)"""
    fields = ("input", "filter", "stride", "dilation", "output")
    sizes = {axis: {field: p[f"{field}_{axis}"] for field in fields} for axis in ("height", "width")}
    return Axis(**sizes["height"], padding=p["padding_top"]), Axis(**sizes["width"], padding=p["padding_left"])


def _check_convolved(p: Mapping[str, int]) -> None:
    """Raises ValueError for a layer with groups or with one output channel."""
    if p["filter_depth"] != p["input_depth"] or p["output_depth"] < 2:
        raise ValueError("groups, or one channel")


def convolved(
    op: Op, graph: Graph, plain: KernelCall, header: str, function: str, words: packed.Array, window_words: int
) -> Kernel:
    """A kernel that iterates over the image as kernels/conv_2d_dsp.h does, with ``window_words`` words of scratch for
    the windows that it computes together. Raises ValueError for a layer with groups, one output channel or excessive
    padding.
    """
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    _check_convolved(p)
    if 2 * p["input_height"] * p["input_width"] < p["filter_height"] * p["filter_width"]:
        raise ValueError("more padding than image, which the portable kernel skips")
    trails, rows = plain.writes[0].trails, 0
    if not _stays_inside(p):
        trails = parts(source, output, _rows_needed(p))
        below = min(p["output_height"], (POSITIONS - 2) // p["output_width"] + 2)
        rows = (reach(p, "height") + (below - 1) * p["stride_height"]) * padded_width(p) * p["input_depth"]
    scratch = 4 * (window_words + (rows * source.dtype.bytes + 3) // 4)
    return Kernel(header, function, words, Write(output.index, trails), scratch)


def _depthwise_conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/depthwise_conv_2d_3x3_dsp.h if possible, else kernels/depthwise_conv_2d_dsp.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    smaller = p["output_height"] <= p["input_height"] and p["output_width"] <= p["input_width"]
    write = Write(output.index, in_place=(source.index,) if smaller and p["depth_multiplier"] == 1 else ())
    layer = layer_of(op, graph, channel_axis=3)
    layer = replace(layer, weights=layer.weights[:, 0])  # [channels][1][height][width]
    strides = p["stride_height"], p["stride_width"]
    is_3x3 = p["filter_height"] == p["filter_width"] == 3 and p["dilation_height"] == p["dilation_width"] == 1
    if p["output_width"] == 1:
        raise ValueError("a single column, but two are computed together")
    if is_3x3 and strides in ((1, 1), (2, 2)) and p["input_depth"] >= PLANES:
        words = packed.pack_depthwise_conv_2d_3x3(layer)
        name = "depthwise_conv_2d_3x3"
        return Kernel(name, f"{name}_int8", words, write, _planes(p), chooses_scratch=True)
    if not _pays(p):
        raise ValueError("too few columns")
    layer = replace(layer, weights=layer.weights.reshape(-1, p["filter_height"], p["filter_width"]))
    taps = reach(p, "width") + 1 & ~1
    columns = (p["output_width"] - 1) * p["stride_width"] + taps
    words = packed.pack_depthwise_conv_2d(layer, p["dilation_width"])
    scratch = 4 * ((reach(p, "height") * columns + 1) // 2)
    return Kernel("depthwise_conv_2d", "depthwise_conv_2d_int8", words, write, scratch)


def _depthwise_conv_2d_int16(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/depthwise_conv_2d_int16_dsp.h, which computes two channels together."""
    if plain.fields["input_depth"] < 2:
        raise ValueError("one channel")
    layer = wide_layer(op, graph, channel_axis=3)
    words = packed.pack_depthwise_conv_2d_int16(replace(layer, weights=layer.weights[:, 0]))
    return channelwise(op, graph, plain, "depthwise_conv_2d_int16", "depthwise_conv_2d_int16", words)


def channelwise(op: Op, graph: Graph, plain: KernelCall, header: str, function: str, words: packed.Array) -> Kernel:
    """A depthwise kernel that copies its rows as kernels/depthwise_conv_2d_blocked.h does. Raises ValueError for a
    layer with a depth multiplier or with a single column."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    if p["depth_multiplier"] != 1 or p["output_width"] == 1:
        raise ValueError("a depth multiplier, or a single column, but columns are computed together")
    smaller = p["output_height"] <= p["input_height"] and p["output_width"] <= p["input_width"]
    write = Write(output.index, in_place=(source.index,) if smaller else ())
    ring = reach(p, "height") * padded_width(p) * p["input_depth"] * source.dtype.bytes
    return Kernel(header, function, words, write, 4 * ((ring + 3) // 4))


def _pays(p: Mapping[str, int]) -> bool:
    """Whether kernels/depthwise_conv_2d_dsp.h, which computes two columns together and reads taps in pairs along a row,
    takes fewer instructions than the portable kernel. docs/performance.md measures 98 layers."""
    return p["output_width"] >= 4 and (p["stride_width"] == 1 or p["filter_width"] >= 4)


def sideways(portable_call: Callable[[Op, Graph], KernelCall]) -> Callable[[Op, Graph], KernelCall]:
    """The call of a depthwise layer. An image and filter of a single column are turned into a single row, which has the
    same memory layout, because the kernels for extensions work along rows."""

    def call(op: Op, graph: Graph) -> KernelCall:
        plain = portable_call(op, graph)
        p = plain.fields
        if p["input_width"] != 1 or p["filter_width"] != 1:
            return plain
        other = {"height": "width", "width": "height", "padding_top": "padding_left", "padding_left": "padding_top"}

        def turned(name: str) -> str:
            first, _, axis = name.rpartition("_")
            return other.get(name, f"{first}_{other[axis]}" if axis in other else name)

        (params,) = plain.params
        return replace(plain, params=(replace(params, fields={name: p[turned(name)] for name in p}),))

    return call


def _fully_connected(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/fully_connected_streamed_dsp.h if it is as fast, else kernels/fully_connected_dsp.h."""
    p, source, output = plain.fields, graph.input(op, 0), graph.output(op)
    if _streams(p):
        return _fully_connected_streamed(op, graph, plain)
    trails = parts(source, output, (np.arange(p["batches"]) + 1) * p["input_depth"])
    words = packed.pack_fully_connected(layer_of(op, graph))
    scratch = 4 * packed.dense_pairs(p["input_depth"])
    return Kernel("fully_connected", "fully_connected_int8", words, Write(output.index, trails), scratch)


def _streams(p: Mapping[str, int]) -> bool:
    """Whether kernels/fully_connected_streamed_dsp.h takes at most 5 % more instructions per row than
    kernels/fully_connected_dsp.h, which needs scratch: as measured, for few inputs or outputs."""
    outputs, depth = p["output_depth"], p["input_depth"]
    streamed = -(-outputs // 4) * (40 + 16.5 * -(-depth // 4)) + (25 if outputs % 4 else 0)
    widened = -(-outputs // 2) * (30 + 14 * -(-depth // 8)) + (25 if outputs % 2 else 0) + 20 + 1.5 * depth
    return streamed <= 1.05 * widened


def _fully_connected_streamed(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/fully_connected_streamed_dsp.h."""
    words = packed.pack_fully_connected_streamed(layer_of(op, graph))
    name = "fully_connected_streamed"
    return Kernel(name, f"{name}_int8", words, Write(graph.output(op).index), 0)


def _fully_connected_int16(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/fully_connected_int16_dsp.h, which copies a row only if it needs padding at its end."""
    unit, depth = 2 * packed.DENSE_UNIT, plain.fields["input_depth"]
    layer = wide_layer(op, graph)
    words = packed.pack_fully_connected_int16(layer)
    scratch = 2 * (-(-depth // unit) * unit) if depth % unit else 0
    width = "" if packed.largest_sum(layer) < packed.SUM else "_wide"
    return Kernel("fully_connected_int16", f"fully_connected_int16{width}", words, plain.writes[0], scratch)


def _fully_connected_hybrid(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/fully_connected_hybrid_dsp.h."""
    weights, bias = graph.input(op, 1), graph.optional_input(op, 2)
    assert weights.data is not None
    channels = len(weights.data)
    words = packed.pack_fully_connected_hybrid(
        weights.data,
        macs.channel_scales(weights, channels),
        np.zeros(channels, np.float32) if bias is None or bias.data is None else bias.data.ravel(),
    )
    scratch = 4 * packed.dense_pairs(plain.fields["input_depth"])
    return Kernel("fully_connected_hybrid", plain.function, words, plain.writes[0], scratch)


CONV_2D: Mapping[DType, Maker] = {DType.INT8: _conv_2d, DType.INT16: _conv_2d_int16}
DEPTHWISE_CONV_2D: Mapping[DType, Maker] = {DType.INT8: _depthwise_conv_2d, DType.INT16: _depthwise_conv_2d_int16}
LEAN_CONV_2D: Mapping[DType, Maker] = {DType.INT8: _conv_2d_lean}
LEAN_FULLY_CONNECTED: Mapping[DType, Maker] = {DType.INT8: _fully_connected_streamed}
FULLY_CONNECTED: Mapping[DType, Maker] = {
    DType.INT8: _fully_connected,
    DType.INT16: _fully_connected_int16,
    DType.FLOAT32: _fully_connected_hybrid,
}


def reach(p: Mapping[str, int], axis: str) -> int:
    """Elements from the first to the last tap of a window along ``axis``, inclusive."""
    return (p[f"filter_{axis}"] - 1) * p[f"dilation_{axis}"] + 1


def _stays_inside(p: Mapping[str, int]) -> bool:
    """Whether every window is inside the input."""
    ends = {axis: (p[f"output_{axis}"] - 1) * p[f"stride_{axis}"] + reach(p, axis) for axis in ("height", "width")}
    padded = p["padding_top"] or p["padding_left"]
    return not padded and all(end <= p[f"input_{axis}"] for axis, end in ends.items())


def padded_width(p: Mapping[str, int]) -> int:
    """Columns of an input row including all padding that windows reach."""
    read = (p["output_width"] - 1) * p["stride_width"] + reach(p, "width")
    return max(read, p["padding_left"] + p["input_width"])


def _rows_needed(p: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """For each output row, the first input element that is still read after this row has been started."""
    ends = np.arange(p["output_height"]) * p["stride_height"] - p["padding_top"] + reach(p, "height")
    rows = np.minimum(ends, p["input_height"]) + p["input_height"] * np.arange(p["batches"])[:, np.newaxis]
    return rows.ravel() * p["input_width"] * p["input_depth"]


def _planes(p: Mapping[str, int]) -> int:
    """Bytes of the planes for PLANES channels of some rows, two rows per word."""
    width, stride = p["output_width"], p["stride_width"]
    columns = width + 2 if stride == 1 else 2 * (width + width % 2) + 1
    return 4 * PLANES * columns * 2
