"""Shared by the standalone operators RELU, RELU6, RELU_N1_TO_1 and RELU_0_TO_1: everything except their bounds.

Integers are rescaled from the input's quantization to the output's, as TFLM's RELU does. TFLM's RELU6 omits the
conversion, and TFLM lacks the other two, so these three are LiteRT's (graph/specification.py).
"""

import math
from typing import Any

import numpy as np

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Objection, Operator, portable
from . import _quantized as q
from ._channels import KeepsZeros
from ._elementwise import rescale
from ._order import elementwise


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless call() has a kernel for this operator."""
    q.check_arity(op, (1,))
    q.check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = q.check_types(op, source, output)
    q.check_shape(op, output, source.shape)
    if dtype is not DType.FLOAT32:
        q.check_per_tensor(op, source, output)
        rescale(op, _factor(op, graph), largest=_largest(source.dtype))
        q.integer_activation_range(op, output, op.kind)


def call(op: Op, graph: Graph) -> KernelCall:
    """The call of kernels/relu.h; requires check()."""
    source, output = graph.input(op, 0), graph.output(op)
    fields: dict[str, Any] = {"count": source.elements}
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    if source.dtype is DType.FLOAT32:
        if op.kind == "RELU":
            return KernelCall("relu.h", "relu_float32", (Params("ReluFloat32Params", fields),), arguments)
        low, high = q.float32_activation_range(op.kind)
        fields |= {"output_min": low, "output_max": high}
        return KernelCall("relu.h", "clamp_float32", (Params("ClampFloat32Params", fields),), arguments)
    integer = source.dtype.value
    minimum, maximum = q.integer_activation_range(op, output, op.kind)
    limits = {"output_min": minimum, "output_max": maximum}
    if (source.scale, source.zero_point) == (output.scale, output.zero_point):
        params = Params(f"Clamp{integer.capitalize()}Params", fields | limits)
        return KernelCall("relu.h", f"clamp_{integer}", (params,), arguments)
    multiplier, shift = rescale(op, _factor(op, graph), largest=_largest(source.dtype))
    fields |= {
        "input_zero_point": source.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    params = Params(f"Relu{integer.capitalize()}Params", fields | limits)
    return KernelCall("relu.h", f"relu_{integer}", (params,), arguments)


def _factor(op: Op, graph: Graph) -> float:
    """Input scale / output scale in the precision of the kernel that defines the result, which matters for exact ties.

    TFLM's RELU of October 2026 divides in double precision; in August 2026 CalculateReluOpData in
    micro/kernels/activations_common.cc still divided in float32. LiteRT, which defines the others, divides in float32
    (ReluPrepare in kernels/activations.cc).
    """
    source, output = graph.input(op, 0).scale, graph.output(op).scale
    if op.kind == "RELU":
        return source / output
    with np.errstate(over="ignore", under="ignore"):
        factor = float(np.float32(source) / np.float32(output))
    return factor if math.isfinite(factor) else source / output  # which rescale() rejects


def _largest(dtype: DType) -> int:
    """The largest difference between an integer of this type and its zero point."""
    return 255 if dtype is DType.INT8 else 32768


def relu_operator(
    summary: str, *, types: tuple[str, ...], litert_alone: bool = False, left_out: Objection | None = None
) -> Operator:
    """The Operator of one of the four."""
    return Operator(
        summary=summary,
        types=types,
        check=check,
        variants=portable(call),
        channels=KeepsZeros(),
        litert_alone=litert_alone,
        left_out_by_tflm=left_out,
    )
