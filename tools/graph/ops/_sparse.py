"""Weights of which many are zero, as one bit each and the values of the others: kernels/sparse.h."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import Constant, KernelCall, Scratch, Tensor

# Of the dense weights' bytes that sparse ones may take, which is near where they cost no time either. ResNet8 (12.5 M
# multiplications, mostly 3x3) with 50, 80 and 90 % of its weights at zero stores 62, 33 and 23 % of their bytes and
# executes 38.0, 21.7 and 16.1 M instructions on a Cortex-M4 (GCC 12.2 -O2), against 43.4 M over dense ones.
LARGEST_SHARE = 0.65


def pack(weights: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
    """(bitmap, values) of weights [out][height][width][depth]: each row of width * depth bits starts at a byte."""
    channels, height, width, depth = weights.shape
    rows = weights.reshape(channels * height, width * depth)
    return np.packbits(rows != 0, axis=1, bitorder="little").ravel(), rows[rows != 0]


def compressed(call: KernelCall, weights: Tensor) -> KernelCall:
    """The call with sparse weights, or ``call`` itself where they are not smaller by enough.

    ``call`` is one of conv_2d_int8 or fully_connected_int8, its second argument the weights.
    """
    params: dict[str, Any] = dict(call.params)
    if weights.data is None or weights.zero_point != 0 or params.get("dilation_width", 1) != 1:
        return call
    data = weights.data
    if call.params_type == "FullyConnectedInt8Params":
        data, params = data[:, np.newaxis, np.newaxis, :], _as_convolution(params)
    if data.shape[3] != params["input_depth"]:
        return call
    bitmap, values = pack(data)
    if values.size == 0 or bitmap.nbytes + values.nbytes > LARGEST_SHARE * data.nbytes:
        return call
    source, _, *others, output = call.arguments
    arguments = (source, Constant("bitmap", bitmap), Constant("values", values), *others, _rows(params), output)
    return replace(
        call,
        header="sparse.h",
        function="conv_2d_int8_sparse",
        params_type="Conv2DInt8Params",
        params=params,
        arguments=arguments,
    )


def _rows(params: dict[str, Any]) -> Scratch:
    """Room for the image rows below one row of the output, padded; none where nothing is."""
    height, width = (
        (params[f"output_{axis}"] - 1) * params[f"stride_{axis}"]
        + (params[f"filter_{axis}"] - 1) * params[f"dilation_{axis}"]
        + 1
        for axis in ("height", "width")
    )
    top, left = params["padding_top"], params["padding_left"]
    inside = top == left == 0 and height <= params["input_height"] and width <= params["input_width"]
    return Scratch(0 if inside else params["filter_height"] * width * params["input_depth"])


def _as_convolution(params: dict[str, Any]) -> dict[str, Any]:
    """The params of a dense layer as those of a 1x1 convolution of as many 1x1 images."""
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
