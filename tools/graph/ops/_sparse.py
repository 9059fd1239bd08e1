"""Weights that are mostly zero, stored as a bitmap and the nonzero values: kernels/sparse.h."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...cores import Core
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Scratch, Tensor, Write
from ..operator import Variant

# The largest size of sparse weights, as a share of the dense ones'; about where both take the same time. ResNet8
# (12.5 M multiplications, mostly 3x3) with 50, 80 and 90 % zeros stores 62, 33 and 23 % of the bytes and executes 38.0,
# 21.7 and 16.1 M instructions on a Cortex-M4 (GCC 12.2 -O2), compared with 43.4 M for dense weights.
LARGEST_SHARE = 0.65


def pack(weights: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
    """(bitmap, values) of weights [out][height][width][depth]. Each bitmap row (width * depth bits) starts a byte."""
    channels, height, width, depth = weights.shape
    rows = weights.reshape(channels * height, width * depth)
    return np.packbits(rows != 0, axis=1, bitorder="little").ravel(), rows[rows != 0]


def sparse_variant(portable_call: Callable[[Op, Graph], KernelCall]) -> Variant:
    """The variant of CONV_2D or FULLY_CONNECTED for int8 weights that are sufficiently smaller in this form.

    It saves multiplications, which are too cheap with the DSP extension: even at 90 % zeros, its dense kernels take two
    thirds of the instructions, so the DSP variant comes first.
    """

    def accepts(op: Op, graph: Graph, core: Core) -> bool:
        return _is_sparse(op, graph)

    def call(op: Op, graph: Graph) -> KernelCall:
        weights, plain = graph.input(op, 1), portable_call(op, graph)
        assert weights.data is not None
        fields = dict(plain.fields)
        if "filter_offset" in fields:
            fields = _as_convolution(fields)
        bitmap, values = pack(_filters(weights))
        source, _, *others, output = plain.arguments
        assert isinstance(output, Write)
        arguments = (
            source,
            Constant("bitmap", bitmap, weights.index),
            Constant("values", values),
            *others,
            _rows(fields),
            Write(output.tensor),  # computes several positions at once, so it cannot overlap the input
        )
        return KernelCall("sparse.h", "conv_2d_int8_sparse", (Params("Conv2DInt8Params", fields),), arguments)

    return Variant("sparse", call, accepts)


def _is_sparse(op: Op, graph: Graph) -> bool:
    """Whether the weights are int8 constants that shrink to LARGEST_SHARE or less, in a filter whose rows read
    contiguous input."""
    source, weights = graph.input(op, 0), graph.input(op, 1)
    if weights.data is None or weights.zero_point != 0 or {source.dtype, weights.dtype} != {DType.INT8}:
        return False
    if getattr(op.attributes, "dilation", (1, 1))[1] != 1 and weights.shape[2] > 1:
        return False
    filters = _filters(weights)
    if len(weights.shape) == 4 and filters.shape[3] != source.shape[3]:
        return False  # groups
    bitmap, values = pack(filters)
    return values.size > 0 and bitmap.nbytes + values.nbytes <= LARGEST_SHARE * weights.data.nbytes


def _filters(weights: Tensor) -> npt.NDArray[np.int8]:
    """Weights in a convolution's shape, [out][height][width][depth]."""
    assert weights.data is not None
    return weights.data if weights.data.ndim == 4 else weights.data[:, np.newaxis, np.newaxis, :]


def _rows(params: dict[str, Any]) -> Scratch:
    """Scratch for the padded input rows of one output row; empty without padding."""
    height, width = (
        (params[f"output_{axis}"] - 1) * params[f"stride_{axis}"]
        + (params[f"filter_{axis}"] - 1) * params[f"dilation_{axis}"]
        + 1
        for axis in ("height", "width")
    )
    top, left = params["padding_top"], params["padding_left"]
    inside = top == left == 0 and height <= params["input_height"] and width <= params["input_width"]
    return Scratch(
        0 if inside else params["filter_height"] * width * params["input_depth"], "conv_2d_sparse_rows_bytes"
    )


def _as_convolution(params: dict[str, Any]) -> dict[str, Any]:
    """A dense layer's params as those of a 1x1 convolution over 1x1 images."""
    geometry = {
        "batches": params["batches"],
        **dict.fromkeys(("input_height", "input_width"), 1),
        "input_depth": params["input_depth"],
        **dict.fromkeys(("filter_height", "filter_width"), 1),
        "filter_depth": params["input_depth"],
        **dict.fromkeys(("output_height", "output_width"), 1),
        "output_depth": params["output_depth"],
        **dict.fromkeys(("stride_height", "stride_width", "dilation_height", "dilation_width"), 1),
        **dict.fromkeys(("padding_top", "padding_left"), 0),
    }
    rest = ("input_offset", "output_offset", "activation_min", "activation_max")
    return geometry | {name: params[name] for name in rest}
