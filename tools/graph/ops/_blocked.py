"""The blocked kernels for cores without an extension, firmware/kernels/*_blocked.h: which layers they accept, and their
calls."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..ir import DType, Graph, KernelCall, Op
from ..operator import Variant
from . import _dsp as dsp
from . import _extension
from . import _packed_blocked as packed
from ._extension import Kernel, Maker, layer_of


def variant(portable_call: Callable[[Op, Graph], KernelCall], makers: Mapping[DType, Maker]) -> Variant:
    """The variant for cores that have no extension, but gain from computing several outputs together."""
    return _extension.variant("blocked", lambda core: core.blocks, portable_call, makers)


# --- the kernels ------------------------------------------------------------------------------------------------------


def _conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/conv_2d_blocked.h."""
    p = plain.fields
    words = packed.pack_conv_2d(layer_of(op, graph), p["dilation_width"])
    taps = p["filter_height"] * p["filter_width"] * p["filter_depth"]
    return dsp.convolved(op, graph, plain, "conv_2d", "conv_2d_int8", words, dsp.POSITIONS * taps)


def _depthwise_conv_2d(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    """kernels/depthwise_conv_2d_blocked.h."""
    layer = layer_of(op, graph, channel_axis=3)
    words = packed.pack_depthwise_conv_2d(replace(layer, weights=layer.weights[:, 0]))
    return dsp.channelwise(op, graph, plain, "depthwise_conv_2d", "depthwise_conv_2d_int8", words)


def _depthwise_conv_2d_int16(op: Op, graph: Graph, plain: KernelCall) -> Kernel:
    layer = dsp.wide_layer(op, graph, channel_axis=3)
    words = packed.pack_depthwise_conv_2d_int16(replace(layer, weights=layer.weights[:, 0]))
    return dsp.channelwise(op, graph, plain, "depthwise_conv_2d", "depthwise_conv_2d_int16", words)


CONV_2D: Mapping[DType, Maker] = {DType.INT8: _conv_2d}
DEPTHWISE_CONV_2D: Mapping[DType, Maker] = {DType.INT8: _depthwise_conv_2d, DType.INT16: _depthwise_conv_2d_int16}
