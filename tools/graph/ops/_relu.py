"""What RELU, RELU6, RELU_N1_TO_1 and RELU_0_TO_1 as operators of their own share: all but the bounds.

Integers rescale from the input's quantization to the output's. For RELU that is TFLM's kernel; TFLM's RELU6 leaves the
conversion out and the other two it does not have, so they are LiteRT's (graph/specification.py).
"""

import math
from typing import Any

import numpy as np

from ..ir import DType, Graph, KernelCall, Op, TensorRef
from . import _quantized as q
from ._elementwise import rescale, reusable


def parse(operator: Any) -> None:
    return None


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless lower() has a kernel for this operator."""
    q.check_arity(op, (1,))
    q.check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = q.check_types(op, source, output)
    q.check_shape(op, output, source.shape)
    if dtype is not DType.FLOAT32:
        q.check_per_tensor(op, source, output)
        rescale(op, _factor(op, graph), largest=_largest(source.dtype))
        q.integer_activation_range(op, output, op.kind)


def lower(op: Op, graph: Graph) -> KernelCall:
    """The call of kernels/relu.h; after check()."""
    source, output = graph.input(op, 0), graph.output(op)
    params: dict[str, Any] = {"count": source.elements}
    arguments = (TensorRef(source.index), TensorRef(output.index))
    if source.dtype is DType.FLOAT32:
        if op.kind == "RELU":
            return KernelCall("relu.h", "relu_float32", "ReluFloat32Params", params, arguments)
        low, high = q.float32_activation_range(op.kind)
        params |= {"output_min": low, "output_max": high}
        return KernelCall("relu.h", "clamp_float32", "ClampFloat32Params", params, arguments)
    integer = source.dtype.value
    minimum, maximum = q.integer_activation_range(op, output, op.kind)
    limits = {"output_min": minimum, "output_max": maximum}
    if (source.scale, source.zero_point) == (output.scale, output.zero_point):
        return KernelCall(
            "relu.h", f"clamp_{integer}", f"Clamp{integer.capitalize()}Params", params | limits, arguments
        )
    multiplier, shift = rescale(op, _factor(op, graph), largest=_largest(source.dtype))
    params |= {
        "input_zero_point": source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    return KernelCall("relu.h", f"relu_{integer}", f"Relu{integer.capitalize()}Params", params | limits, arguments)


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    return reusable(op, graph)


def _factor(op: Op, graph: Graph) -> float:
    """Input scale / output scale, rounded as the kernel that defines the result rounds it, which shows where it ties.

    TFLM's RELU divides in double precision as of October 2026 (in its sources of August 2026 CalculateReluOpData in
    micro/kernels/activations_common.cc does so in float32); LiteRT, which defines the others, in float32 (ReluPrepare
    in kernels/activations.cc).
    """
    source, output = graph.input(op, 0).scale, graph.output(op).scale
    if op.kind == "RELU":
        return source / output
    with np.errstate(over="ignore", under="ignore"):
        factor = float(np.float32(source) / np.float32(output))
    return factor if math.isfinite(factor) else source / output  # which rescale() refuses


def _largest(dtype: DType) -> int:
    """The largest difference between an integer of this type and its zero point."""
    return 255 if dtype is DType.INT8 else 32768
